package tenants

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/tenant"
	"github.com/trellishq/trellis/events"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/id"
	"github.com/trellishq/trellis/internal/store"
)

// Profile is what a reseller says about itself, and what new tenants directly
// below it begin with. Nil is not set.
type Profile struct {
	TenantID                                         uuid.UUID
	LegalName, DisplayName                           *string
	SupportName, SupportEmail, SupportPhone          *string
	DefaultCountry, DefaultTimeZone, DefaultLanguage *string
	// Below counts the tenants below the reseller that are in lists, by kind.
	Below map[Kind]int
}

func (p *Profile) fields() []profileField {
	text := func(at, value string) (string, error) { return CleanName(at, value) }
	brand := func(name string) func(string, string) (string, error) {
		return func(_, value string) (string, error) { return cleanBrandValue(name, value) }
	}
	plain := func(clean func(string) (string, error)) func(string, string) (string, error) {
		return func(at, value string) (string, error) {
			value, err := clean(value)
			if f, ok := fault.As(err); ok {
				return "", fault.InvalidField(f.Code, at, f.Fields[0].Message)
			}
			return value, err
		}
	}
	return []profileField{
		{"legal_name", &p.LegalName, text},
		{"display_name", &p.DisplayName, text},
		{"support_name", &p.SupportName, text},
		{"support_email", &p.SupportEmail, brand("support_email")},
		{"support_phone", &p.SupportPhone, brand("support_phone")},
		{"default_country", &p.DefaultCountry, plain(cleanCountry)},
		{"default_time_zone", &p.DefaultTimeZone, plain(cleanTimeZone)},
		{"default_language", &p.DefaultLanguage, plain(cleanLanguage)},
	}
}

type profileField struct {
	name  string
	value **string
	clean func(at, value string) (string, error)
}

// GetProfile returns the profile of a reseller. It fails with not_found for
// tenants that are none.
func (s *Service) GetProfile(ctx context.Context, tenantID uuid.UUID) (Profile, error) {
	var found Profile
	err := s.store.Read(ctx, func(ctx context.Context) error {
		node, err := s.reseller(ctx, tenantID)
		if err != nil {
			return err
		}
		found, err = s.profile(ctx, node)
		return err
	})
	return found, err
}

// UpdateProfile changes values of a reseller's profile by name; nil takes one
// back.
func (s *Service) UpdateProfile(ctx context.Context, tenantID uuid.UUID, values map[string]*string) (Profile, error) {
	for _, f := range new(Profile).fields() {
		value := values[f.name]
		if value == nil {
			continue
		}
		clean, err := f.clean("body."+f.name, *value)
		if err != nil {
			return Profile{}, err
		}
		values[f.name] = &clean
	}
	var updated Profile
	err := s.store.InTx(ctx, func(ctx context.Context) error {
		node, err := s.reseller(ctx, tenantID)
		if err != nil {
			return err
		}
		changed, err := s.setProfile(ctx, tenantID, values)
		if err != nil {
			return err
		}
		if len(changed) > 0 {
			err = s.log.Publish(ctx, "reseller.updated", "tenant", tenantID, events.Change{Data: struct {
				Changed []string `json:"changed"`
			}{changed}})
			if err != nil {
				return err
			}
		}
		updated, err = s.profile(ctx, node)
		return err
	})
	return updated, err
}

// reseller reads the scope's own node, if it is one.
func (s *Service) reseller(ctx context.Context, tenantID uuid.UUID) (*ent.Tenant, error) {
	node, err := s.visible(ctx).Where(tenant.ID(tenantID)).Only(ctx)
	if store.IsNotFound(err) || err == nil && !Kind(node.Kind).Reseller() {
		return nil, fault.Missing("reseller")
	}
	if err != nil {
		return nil, fmt.Errorf("reading a reseller: %w", err)
	}
	return node, nil
}

func (s *Service) profile(ctx context.Context, node *ent.Tenant) (Profile, error) {
	p := Profile{TenantID: node.ID, Below: map[Kind]int{}}
	row, err := s.store.Ent(ctx).ResellerProfile.Query().Only(ctx)
	if err != nil && !store.IsNotFound(err) {
		return Profile{}, fmt.Errorf("reading a profile: %w", err)
	}
	if err == nil {
		fill(&p, row)
	}
	rows, err := store.Query(ctx, `
		SELECT kind, count(*) FROM tenants
		WHERE path COLLATE "C" > $1 AND path COLLATE "C" < $2 AND status IN ('active', 'suspended') AND kind <> 'sandbox' GROUP BY kind`,
		node.Path, behind(node.Path))
	if err != nil {
		return Profile{}, fmt.Errorf("counting tenants: %w", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var kind Kind
		var n int
		if err := rows.Scan(&kind, &n); err != nil {
			return Profile{}, err
		}
		p.Below[kind] = n
	}
	return p, rows.Err()
}

func fill(p *Profile, row *ent.ResellerProfile) {
	p.LegalName, p.DisplayName, p.SupportName = row.LegalName, row.DisplayName, row.SupportName
	p.SupportEmail, p.SupportPhone = row.SupportEmail, row.SupportPhone
	p.DefaultCountry, p.DefaultTimeZone, p.DefaultLanguage = row.DefaultCountry, row.DefaultTimeZone, row.DefaultLanguage
}

func (s *Service) setProfile(ctx context.Context, tenantID uuid.UUID, values map[string]*string) ([]string, error) {
	_, err := store.Exec(ctx, `INSERT INTO reseller_profiles (id, created_at, updated_at, tenant_id) VALUES ($1, $2, $2, $3) ON CONFLICT (tenant_id) DO NOTHING`,
		id.New(), s.store.Now(), tenantID)
	if err != nil {
		return nil, fmt.Errorf("beginning a profile: %w", err)
	}
	present, err := s.store.Ent(ctx).ResellerProfile.Query().ForUpdate().Only(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading a profile: %w", err)
	}
	var was Profile
	fill(&was, present)
	update := present.Update()
	var changed []string
	for _, f := range was.fields() {
		value, sent := values[f.name]
		if !sent || sameText(value, *f.value) {
			continue
		}
		if err := setOrClear(update.Mutation(), f.name, value); err != nil {
			return nil, err
		}
		changed = append(changed, f.name)
	}
	if len(changed) == 0 {
		return nil, nil
	}
	return changed, update.Exec(ctx)
}

// beginnings are what a new node has where nothing else is said.
type beginnings struct{ country, timeZone, language string }

// beginningsOf are the values of a node itself.
func beginningsOf(t *ent.Tenant) beginnings { return beginnings{t.Country, t.TimeZone, t.Language} }

// beginnings are what a new node below a parent begins with: what a reseller
// chose for its new tenants, and otherwise what the parent has itself.
func (s *Service) beginnings(ctx context.Context, parent *ent.Tenant) (beginnings, error) {
	begin := beginningsOf(parent)
	if !Kind(parent.Kind).Reseller() {
		return begin, nil
	}
	err := s.within(ctx, parent, func(ctx context.Context) error {
		row, err := s.store.Ent(ctx).ResellerProfile.Query().Only(ctx)
		if store.IsNotFound(err) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading a profile: %w", err)
		}
		for _, d := range []struct{ from, to *string }{
			{row.DefaultCountry, &begin.country}, {row.DefaultTimeZone, &begin.timeZone}, {row.DefaultLanguage, &begin.language},
		} {
			if d.from != nil {
				*d.to = *d.from
			}
		}
		return nil
	})
	return begin, err
}
