// Package scopserv speaks the operator carrier contract, which is published in
// docs/operator-carrier.md: the one provider whose numbers may be handed down
// the tree. Both sides of the contract sign alike, so the types and the
// signature are exported for whoever plays the carrier.
package scopserv
