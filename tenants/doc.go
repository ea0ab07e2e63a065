// Package tenants owns the tree: the operator, its resellers and their
// customers, each a node that is a tenant. It knows where a node stands and
// what kind it is; it never decides who may do what, which is identity's gate.
package tenants
