package tenants

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/ent/tenant"
	"github.com/trellishq/trellis/events"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/id"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants/scope"
)

// Constraints that say what a service answers.
const (
	uniqueName     = "h_tenants_name"
	uniqueOperator = "h_tenants_one_operator"
)

// NewTenant describes a node to be made.
type NewTenant struct {
	ParentID uuid.UUID
	Kind     Kind
	Name     string
	// Country, TimeZone and Language are the parent's where they are empty.
	Country, TimeZone, Language string
	// ContentAccess is decided by the creator, and afterwards by the tenant's
	// own people alone; closed where it is empty.
	ContentAccess ContentAccess
	// SecuritySuite turns on the strict rules for passwords.
	SecuritySuite bool
	// Allowance says what it is given beyond, or less than, API and webhooks,
	// which it has where its parent has them.
	Allowance AllowanceChange
}

// Create makes a node below one that the caller sees. It fails with not_found
// where the parent is not one, wrong_parent where a node of this kind cannot
// stand there, name_taken where a sibling has the name, wrong_state where the
// parent is out of use, validation_failed for values that are wrong in
// themselves, and with not_entitled and limit_too_high
// for what the parent itself does not have.
func (s *Service) Create(ctx context.Context, n NewTenant) (Tenant, error) {
	name, err := CleanName("body.name", n.Name)
	if err != nil {
		return Tenant{}, err
	}
	if !n.Kind.known() {
		return Tenant{}, fault.InvalidField(fault.CodeInvalid, "body.kind", "is not a kind of tenant", short(string(n.Kind)))
	}
	var made Tenant
	err = s.store.InTx(ctx, func(ctx context.Context) error {
		if _, err := store.Exec(ctx, lockTreeShared); err != nil {
			return err
		}
		parent, err := s.parent(ctx, n.ParentID)
		if err != nil {
			return err
		}
		if err := fits(n.Kind, Kind(parent.Kind)); err != nil {
			return err
		}
		begin, err := s.beginnings(ctx, parent)
		if err != nil {
			return err
		}
		values, err := inherit(n, begin)
		if err != nil {
			return err
		}
		values.ParentID, values.Kind, values.Name, values.Path = &parent.ID, n.Kind, name, parent.Path
		given, err := s.firstAllowance(ctx, n.Allowance, parent.ID)
		if err != nil {
			return err
		}
		made, err = s.insert(ctx, values, given)
		return err
	})
	return made, err
}

// CreateOperator makes the root of the tree, under a system scope. It fails
// with conflict where there is one.
func (s *Service) CreateOperator(ctx context.Context, name string) (Tenant, error) {
	if sc, err := scope.From(ctx); err != nil {
		return Tenant{}, err
	} else if !sc.IsSystem() {
		return Tenant{}, errors.New("tenants: the operator is made by system work only")
	}
	name, err := CleanName("body.name", name)
	if err != nil {
		return Tenant{}, err
	}
	root := Tenant{
		ID: id.New(), Kind: KindOperator, Name: name, Path: "/", Country: "US", TimeZone: "UTC", Language: "en",
		Settings: Settings{ContentAccess: ContentClosed},
	}
	// The operator's first row and event are written in its own name: events
	// belong to a tenant, and system work has none.
	ctx = scope.With(ctx, scope.Scope{
		TenantID: root.ID, Path: "/" + root.ID.String() + "/", Actor: scope.Actor{Kind: scope.ActorSystem},
	})
	err = s.store.InTx(ctx, func(ctx context.Context) error {
		root, err = s.insert(ctx, root, Allowance{Granted: authz.AllEntitlements()})
		return err
	})
	return root, err
}

// fits tells whether a node of a kind may stand below a parent.
func fits(kind, parent Kind) error {
	if slices.Contains(parent.Below(), kind) {
		return nil
	}
	wrong := fault.New(fault.Invalid, fault.CodeWrongParent, "A tenant of kind %s cannot stand below one of kind %s.", kind, parent)
	if len(parent.Below()) == 0 {
		return wrong.At("body.parent_id", "is of kind "+string(parent)+", which has nothing below it")
	}
	var words []string
	for _, k := range parent.Below() {
		words = append(words, string(k))
	}
	return wrong.
		At("body.parent_id", "is of kind "+string(parent)).
		At("body.kind", "must be "+strings.Join(words, " or ")+" below this parent", string(kind))
}

// inherit takes from the parent what a new node leaves open.
func inherit(n NewTenant, begin beginnings) (Tenant, error) {
	t := Tenant{
		Country: begin.country, TimeZone: begin.timeZone, Language: begin.language,
		Settings: Settings{ContentAccess: ContentClosed, SecuritySuite: n.SecuritySuite},
	}
	if n.ContentAccess != "" {
		if err := cleanContentAccess(n.ContentAccess); err != nil {
			return Tenant{}, err
		}
		t.ContentAccess = n.ContentAccess
	}
	for _, value := range []struct {
		given string
		clean func(string) (string, error)
		to    *string
	}{
		{n.Country, cleanCountry, &t.Country},
		{n.TimeZone, cleanTimeZone, &t.TimeZone},
		{n.Language, cleanLanguage, &t.Language},
	} {
		if value.given == "" {
			continue
		}
		clean, err := value.clean(value.given)
		if err != nil {
			return Tenant{}, err
		}
		*value.to = clean
	}
	return t, nil
}

// insert writes a node whose Path is still its parent's, with what it was given
// and its event.
func (s *Service) insert(ctx context.Context, t Tenant, given Allowance) (Tenant, error) {
	if t.ID == uuid.Nil {
		t.ID = id.New()
	}
	create := s.store.Ent(ctx).Tenant.Create().SetEntitlements(given.Granted.Words())
	setLimits(create.Mutation(), given.Limits)
	row, err := create.
		SetID(t.ID).SetNillableParentID(t.ParentID).SetKind(tenant.Kind(t.Kind)).SetName(t.Name).SetNameKey(nameKey(t.Name)).
		SetPath(t.Path + t.ID.String() + "/").
		SetCountry(t.Country).SetTimeZone(t.TimeZone).SetLanguage(t.Language).
		SetContentAccess(tenant.ContentAccess(t.ContentAccess)).SetSecuritySuite(t.SecuritySuite).
		Save(ctx)
	switch {
	case store.Violates(err, uniqueName):
		return Tenant{}, nameTaken(err)
	case store.Violates(err, uniqueOperator):
		return Tenant{}, fault.New(fault.Conflict, fault.CodeConflict, "There is an operator already.").Because(err)
	case err != nil:
		return Tenant{}, fmt.Errorf("creating a tenant: %w", err)
	}
	return show(ctx, row), s.log.Publish(ctx, "tenant.created", "tenant", row.ID, events.Change{
		Data:  created{ParentID: row.ParentID, Kind: Kind(row.Kind), Name: row.Name},
		After: recordOf(row),
	})
}

// created is the data of tenant.created.
type created struct {
	ParentID *uuid.UUID `json:"parent_id"`
	Kind     Kind       `json:"kind"`
	Name     string     `json:"name"`
}

func nameTaken(cause error) error {
	return fault.New(fault.Conflict, fault.CodeNameTaken, "Another tenant below the same parent has this name.").
		At("body.name", "is taken").Because(cause)
}
