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

// Grant is a role at a node of the tree.
type Grant struct {
	Role Role
	// Path of the node: "/a/b/".
	Path string
}

//go:embed model.conf
var modelText string

//go:embed policy.csv
var policyText string

// Policy decides. It never changes after it was made and is safe for
// concurrent use.
type Policy struct {
	enforcer *casbin.CachedEnforcer
}

// New compiles the embedded policy. The set of questions is finite, so every
// answer is given from the cache after the first time.
func New() (*Policy, error) {
	m, err := model.NewModelFromString(modelText)
	if err != nil {
		return nil, fmt.Errorf("authz: model: %w", err)
	}
	enforcer, err := casbin.NewCachedEnforcer(m)
	if err != nil {
		return nil, fmt.Errorf("authz: enforcer: %w", err)
	}
	if err := load(enforcer, policyText); err != nil {
		return nil, err
	}
	return &Policy{enforcer}, nil
}

// load reads the policy's lines. Casbin's own reader takes a line that it does
// not understand for a comment; a policy must not shrink by a typing error.
func load(e *casbin.CachedEnforcer, text string) error {
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

func addLine(e *casbin.CachedEnforcer, words []string) (bool, error) {
	switch {
	case words[0] == "p" && len(words) == 4:
		return e.AddPolicy(words[1], words[2], words[3])
	case words[0] == "g" && len(words) == 3:
		return e.AddGroupingPolicy(words[1], words[2])
	}
	return false, fmt.Errorf("neither a p nor a g line: %q", words)
}

// May tells whether a role has a permission.
func (p *Policy) May(role Role, permission Permission) bool {
	allowed, err := p.enforcer.Enforce(string(role), permission.Object(), permission.Action())
	if err != nil {
		// The model takes three words and gets three words.
		panic("authz: " + err.Error())
	}
	return allowed
}

// Allows tells whether a grant gives a permission at a node. At its own node a
// role has all it may do; below it, resellers and the operator have
// administration and no content.
func (p *Policy) Allows(g Grant, permission Permission, node string) bool {
	if !strings.HasPrefix(node, g.Path) || !p.May(g.Role, permission) {
		return false
	}
	return node == g.Path || (g.Role.overSubtree() && permission.Administrative())
}

// PermissionsOf lists what a role may do, in the order of Permissions.
func (p *Policy) PermissionsOf(role Role) []Permission {
	var out []Permission
	for _, permission := range Permissions() {
		if p.May(role, permission) {
			out = append(out, permission)
		}
	}
	return out
}
