package authz

import (
	_ "embed"
	"fmt"
	"strings"

	"github.com/casbin/casbin/v2"
	"github.com/casbin/casbin/v2/model"
)

// Role is what a grant gives.
type Role string

// The roles. ResellerAdmin is not given to anybody: a tenant admin at home in a
// reseller tenant is one.
const (
	Operator      Role = "operator"
	ResellerAdmin Role = "reseller_admin"
	TenantAdmin   Role = "tenant_admin"
	Manager       Role = "manager"
	Agent         Role = "agent"
	User          Role = "user"
)

// Roles lists all roles, from wide to narrow.
func Roles() []Role { return []Role{Operator, ResellerAdmin, TenantAdmin, Manager, Agent, User} }

// OwnOnly tells whether a role reaches only the interactions that are its own.
func (r Role) OwnOnly() bool { return r == Agent || r == User }

// overSubtree tells whether a role's administration reaches below its node.
func (r Role) overSubtree() bool { return r == Operator || r == ResellerAdmin }

// Rights are what somebody may do at a node of the tree, and below it.
type Rights struct {
	// Path of the node: "/a/b/".
	Path string
	// Here holds at the node itself, Below at every node under it.
	Here, Below Set
}

// Allow tells whether the rights give a permission at a node. Nothing is looked
// up: it costs the same whatever the tree and its people are.
func (r Rights) Allow(permission Permission, node string) bool {
	switch {
	case node == r.Path:
		return r.Here.Has(permission)
	case strings.HasPrefix(node, r.Path):
		return r.Below.Has(permission)
	default:
		return false
	}
}

// At is what the rights give at a node.
func (r Rights) At(node string) Set {
	switch {
	case node == r.Path:
		return r.Here
	case strings.HasPrefix(node, r.Path):
		return r.Below
	default:
		return Set{}
	}
}

// Reach tells whether the holder may know that a node exists: his own, and
// those below it where he may do anything.
func (r Rights) Reach(node string) bool {
	return node == r.Path || strings.HasPrefix(node, r.Path) && !r.Below.Empty()
}

//go:embed model.conf
var modelText string

//go:embed policy.csv
var policyText string

// Policy decides. It never changes after it was made and is safe for
// concurrent use.
type Policy struct {
	roles map[Role]Set
}

// New compiles the embedded policy. The set of questions is finite, so Casbin
// is asked all of them once, and its answers are kept as sets: what is decided
// for a request is decided without it.
func New() (*Policy, error) {
	m, err := model.NewModelFromString(modelText)
	if err != nil {
		return nil, fmt.Errorf("authz: model: %w", err)
	}
	enforcer, err := casbin.NewEnforcer(m)
	if err != nil {
		return nil, fmt.Errorf("authz: enforcer: %w", err)
	}
	if err := load(enforcer, policyText); err != nil {
		return nil, err
	}
	return ask(enforcer)
}

// load reads the policy's lines. Casbin's own reader takes a line that it does
// not understand for a comment; a policy must not shrink by a typing error.
func load(e *casbin.Enforcer, text string) error {
	for i, line := range strings.Split(text, "\n") {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		words := strings.Split(line, ",")
		for k := range words {
			words[k] = strings.TrimSpace(words[k])
		}
		added, err := addLine(e, words)
		if err != nil {
			return fmt.Errorf("authz: policy line %d: %w", i+1, err)
		}
		if !added {
			return fmt.Errorf("authz: policy line %d stands there twice", i+1)
		}
	}
	return nil
}

func addLine(e *casbin.Enforcer, words []string) (bool, error) {
	switch {
	case words[0] == "p" && len(words) == 4:
		return e.AddPolicy(words[1], words[2], words[3])
	case words[0] == "g" && len(words) == 3:
		return e.AddGroupingPolicy(words[1], words[2])
	}
	return false, fmt.Errorf("neither a p nor a g line: %q", words)
}

// ask puts every question that there is.
func ask(enforcer *casbin.Enforcer) (*Policy, error) {
	p := &Policy{roles: map[Role]Set{}}
	for _, role := range Roles() {
		for _, permission := range Permissions() {
			allowed, err := enforcer.Enforce(string(role), permission.Object(), permission.Action())
			if err != nil {
				return nil, fmt.Errorf("authz: %s of %s: %w", permission, role, err)
			}
			if allowed {
				p.roles[role] = p.roles[role].With(permission)
			}
		}
	}
	return p, nil
}

// May tells whether a role has a permission.
func (p *Policy) May(role Role, permission Permission) bool { return p.roles[role].Has(permission) }

// Of is what a role may do at its own node.
func (p *Policy) Of(role Role) Set { return p.roles[role] }

// RightsOf is what a role gives at a node of the tree: all that it may do at the
// node itself; below it, resellers and the operator have administration and no
// content.
func (p *Policy) RightsOf(role Role, path string) Rights { return RightsWith(p.Of(role), role, path) }

// RightsWith is RightsOf for permissions that are not the role's own: those of a
// custom role, or of a person to whom some were denied.
func RightsWith(permissions Set, role Role, path string) Rights {
	rights := Rights{Path: path, Here: permissions}
	if role.overSubtree() {
		rights.Below = permissions.Administrative()
	}
	return rights
}
