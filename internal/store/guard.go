package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	entsql "entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/intercept"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/id"
	"github.com/trellishq/trellis/tenants/scope"
)

// placedByPath lists the entities that a subtree may see, with the column that
// says where they are. All others belong to one tenant by tenant_id.
var placedByPath = map[string]string{
	ent.TypeTenant: "path",
	ent.TypeNumber: "holder_path",
}

// guard installs the wall on a client: reads are filtered, writes are stamped,
// and both fail without a scope.
func (s *Store) guard(c *ent.Client) {
	c.Intercept(intercept.TraverseFunc(filterReads))
	c.Use(s.stampWrites)
}

// ofChannels lists the entities that belong to a channel, with the column that
// names it. Work that is confined to some channels sees no others of them.
var ofChannels = map[string]string{
	ent.TypeChannel:     "id",
	ent.TypeInteraction: "channel_id",
	ent.TypeMessage:     "channel_id",
	ent.TypeOptOut:      "channel_id",
}

func filterReads(ctx context.Context, q intercept.Query) error {
	sc, err := scope.From(ctx)
	if err != nil || sc.IsSystem() {
		return err
	}
	q.WhereP(inScope(sc, q.Type()))
	if confined := confinement(ctx, q.Type()); confined != nil {
		q.WhereP(confined)
	}
	return nil
}

// confinement is the condition that keeps work to its channels; nil where there
// is none.
func confinement(ctx context.Context, entity string) func(*entsql.Selector) {
	column, ok := ofChannels[entity]
	ids := scope.Channels(ctx)
	if !ok || len(ids) == 0 {
		return nil
	}
	return entsql.FieldIn(column, ids...)
}

// inScope is the condition that keeps a statement inside its tenant.
func inScope(sc scope.Scope, entity string) func(*entsql.Selector) {
	if column, ok := placedByPath[entity]; ok {
		return entsql.FieldHasPrefix(column, sc.Path)
	}
	return entsql.FieldEQ("tenant_id", sc.TenantID)
}

// scoped is the part of ent's generated mutations that the hook needs.
type scoped interface {
	ent.Mutation
	WhereP(...func(*entsql.Selector))
}

func (s *Store) stampWrites(next ent.Mutator) ent.Mutator {
	return ent.MutateFunc(func(ctx context.Context, m ent.Mutation) (ent.Value, error) {
		sc, err := scope.From(ctx)
		if err != nil {
			return nil, err
		}
		if m.Op().Is(ent.OpCreate) {
			err = cmp.Or(confineCreate(ctx, m), s.stampCreate(sc, m))
		} else {
			err = s.stampChange(ctx, sc, m)
		}
		if err != nil {
			return nil, err
		}
		return next.Mutate(ctx, m)
	})
}

// confineCreate refuses a row of a channel to which the work is not confined,
// and so every new channel.
func confineCreate(ctx context.Context, m ent.Mutation) error {
	column, ok := ofChannels[m.Type()]
	ids := scope.Channels(ctx)
	if !ok || len(ids) == 0 {
		return nil
	}
	value, _ := m.Field(column)
	if channelID, ok := value.(uuid.UUID); ok && slices.Contains(ids, channelID) {
		return nil
	}
	return fault.New(fault.Forbidden, fault.CodeKeyRestricted, "This API key is kept to the channels that it was made for.")
}

// stampCreate gives a new row its id and times, and its owner: whatever a
// caller put there, a tenant's work creates rows of that tenant.
func (s *Store) stampCreate(sc scope.Scope, m ent.Mutation) error {
	if err := setMissing(m, "id", func() any { return id.New() }); err != nil {
		return err
	}
	now := s.clock.Now()
	for _, field := range []string{"created_at", "updated_at"} {
		if err := setMissing(m, field, func() any { return now }); err != nil {
			return err
		}
	}
	if sc.IsSystem() {
		return requireOwner(m)
	}
	if column, ok := placedByPath[m.Type()]; ok {
		return requireBelow(sc, m, column)
	}
	return m.SetField("tenant_id", sc.TenantID)
}

// stampChange keeps a change inside the scope and moves its version on.
func (s *Store) stampChange(ctx context.Context, sc scope.Scope, m ent.Mutation) error {
	if !sc.IsSystem() {
		w, ok := m.(scoped)
		if !ok {
			return fmt.Errorf("store: %s cannot be kept in scope", m.Type())
		}
		w.WhereP(inScope(sc, m.Type()))
		if confined := confinement(ctx, m.Type()); confined != nil {
			w.WhereP(confined)
		}
	}
	if m.Op().Is(ent.OpDelete | ent.OpDeleteOne) {
		return nil
	}
	if err := m.SetField("updated_at", s.clock.Now()); err != nil {
		return err
	}
	return m.AddField("version", 1)
}

func setMissing(m ent.Mutation, field string, value func() any) error {
	if field == "id" {
		return setMissingID(m, value)
	}
	if _, set := m.Field(field); set {
		return nil
	}
	return m.SetField(field, value())
}

// setMissingID works around ids being no field for ent's generic setters.
func setMissingID(m ent.Mutation, value func() any) error {
	withID, ok := m.(interface {
		ID() (uuid.UUID, bool)
		SetID(uuid.UUID)
	})
	if !ok {
		return fmt.Errorf("store: %s has no id to set", m.Type())
	}
	if _, set := withID.ID(); !set {
		withID.SetID(value().(uuid.UUID))
	}
	return nil
}

// requireOwner refuses system work that forgets whose row it creates.
func requireOwner(m ent.Mutation) error {
	field := "tenant_id"
	if column, ok := placedByPath[m.Type()]; ok {
		field = column
	}
	if _, set := m.Field(field); !set {
		return fmt.Errorf("store: system work creates a %s without %s", m.Type(), field)
	}
	return nil
}

// requireBelow refuses a node or a number outside of the caller's subtree.
func requireBelow(sc scope.Scope, m ent.Mutation, column string) error {
	path, _ := m.Field(column)
	if text, ok := path.(string); !ok || !strings.HasPrefix(text, sc.Path) {
		return fmt.Errorf("store: %s outside of the scope's subtree", m.Type())
	}
	return nil
}
