// Package audit serves the audit log: to a tenant's administrators their own,
// to resellers and the operator that of their subtree.
package audit
