package tenants

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/brandhost"
	"github.com/trellishq/trellis/events"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/id"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants/scope"
)

// Brand is how a tenant's product looks and speaks. What is nil is that of the
// nearest tenant above that has it, and in the end the platform's.
type Brand struct {
	ProductName, PrimaryColor, AccentColor, Theme *string
	SupportEmail, SupportPhone, SupportURL        *string
	SenderName, SenderAddress                     *string
	LoginText                                     *string
	// Logo and SmallLogo are the digests by which the pictures are public.
	Logo, SmallLogo *string
}

// field is one value of a brand by its name. The pictures come last.
func (b *Brand) fields() []brandField {
	return []brandField{
		{"product_name", &b.ProductName, "Trellis"},
		{"primary_color", &b.PrimaryColor, "#1f4e79"},
		{"accent_color", &b.AccentColor, "#d97706"},
		{"theme", &b.Theme, "system"},
		{"support_email", &b.SupportEmail, ""},
		{"support_phone", &b.SupportPhone, ""},
		{"support_url", &b.SupportURL, ""},
		{"sender_name", &b.SenderName, ""},
		{"sender_address", &b.SenderAddress, ""},
		{"login_text", &b.LoginText, ""},
		{"logo", &b.Logo, ""},
		{"small_logo", &b.SmallLogo, ""},
	}
}

type brandField struct {
	name     string
	value    **string
	platform string // empty is none
}

// BrandFields names what a brand consists of.
func BrandFields() []string {
	var names []string
	for _, f := range new(Brand).fields() {
		names = append(names, f.name)
	}
	return names
}

// PlatformBrand is the brand where nobody has set one.
func PlatformBrand() Brand {
	var b Brand
	for _, f := range b.fields() {
		if platform := f.platform; platform != "" {
			*f.value = &platform
		}
	}
	return b
}

// BrandState is a tenant's brand, what of it holds, and where that is from.
type BrandState struct {
	Own, Effective Brand
	// Inherited names the fields that hold by a tenant above. Which one is not
	// told: nobody sees what is above.
	Inherited []string
	// Hosts are the names under which the tenant's frontend is reached. They are
	// not inherited.
	Hosts []string
}

// EffectiveBrand is what holds of a tenant's brand, for whoever speaks in its
// name: mails, pages. It works under any scope.
func (s *Service) EffectiveBrand(ctx context.Context, tenantID uuid.UUID) (Brand, error) {
	state, err := s.brandOf(ctx, tenantID)
	return state.Effective, err
}

// BrandOf tells the brand of the scope's tenant. What the running transaction
// has changed is not in it.
func (s *Service) BrandOf(ctx context.Context) (BrandState, error) {
	sc, err := scope.From(ctx)
	if err != nil {
		return BrandState{}, err
	}
	return s.brandOf(ctx, sc.TenantID)
}

// brandOf reads the brands from the tenant up to the root: one tenant does not
// see those above it, so the system does.
func (s *Service) brandOf(ctx context.Context, tenantID uuid.UUID) (BrandState, error) {
	var state BrandState
	ctx = scope.System(store.Outside(ctx), "reading the brand of a tenant and of those above it")
	err := s.store.Read(ctx, func(ctx context.Context) error {
		rows, err := store.Query(ctx, `
			SELECT b.product_name, b.primary_color, b.accent_color, b.theme, b.support_email, b.support_phone,
			       b.support_url, b.sender_name, b.sender_address, b.login_text,
			       (SELECT l.digest FROM brand_logos l WHERE l.tenant_id = above.id AND l.variant = 'main'),
			       (SELECT l.digest FROM brand_logos l WHERE l.tenant_id = above.id AND l.variant = 'small')
			FROM tenants t
			JOIN tenants above ON above.id = ANY (string_to_array(trim(both '/' from t.path), '/')::uuid[])
			LEFT JOIN brands b ON b.tenant_id = above.id
			WHERE t.id = $1 ORDER BY length(above.path) DESC`, tenantID)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for first := true; rows.Next(); first = false {
			var b Brand
			var into []any
			for _, f := range b.fields() {
				into = append(into, f.value)
			}
			if err := rows.Scan(into...); err != nil {
				return err
			}
			if first {
				state.Own = b
			}
			state.lay(b, first)
		}
		return rows.Err()
	})
	if err != nil {
		return BrandState{}, fmt.Errorf("reading a brand: %w", err)
	}
	state.lay(PlatformBrand(), true)
	order := BrandFields()
	slices.SortFunc(state.Inherited, func(a, b string) int { return slices.Index(order, a) - slices.Index(order, b) })
	state.Hosts, err = s.hostsOf(ctx, tenantID)
	return state, err
}

// lay puts a brand under what holds already. What comes from the tenant itself
// or from the platform is not inherited.
func (b *BrandState) lay(under Brand, own bool) {
	from := under.fields()
	for i, f := range b.Effective.fields() {
		value := *from[i].value
		if *f.value != nil || value == nil {
			continue
		}
		*f.value = value
		if !own {
			b.Inherited = append(b.Inherited, f.name)
		}
	}
}

func (s *Service) hostsOf(ctx context.Context, tenantID uuid.UUID) ([]string, error) {
	hosts := []string{}
	err := s.store.Read(ctx, func(ctx context.Context) error {
		rows, err := s.store.Ent(ctx).BrandHost.Query().Where(brandhost.TenantID(tenantID)).Order(brandhost.ByHost()).All(ctx)
		for _, row := range rows {
			hosts = append(hosts, row.Host)
		}
		return err
	})
	return hosts, err
}

// BrandChange holds what is to change: a nil value takes a field back, so that
// it is inherited again.
type BrandChange struct {
	Values map[string]*string
	// Hosts replaces the list where it is not nil.
	Hosts *[]string
}

// UpdateBrand changes the brand of the scope's tenant. It fails with
// validation_failed, and with host_taken for a name that another tenant has.
func (s *Service) UpdateBrand(ctx context.Context, c BrandChange) error {
	if err := c.clean(); err != nil {
		return err
	}
	return s.store.InTx(ctx, func(ctx context.Context) error {
		sc, err := scope.From(ctx)
		if err != nil {
			return err
		}
		changed, err := s.setBrand(ctx, c.Values)
		if err != nil {
			return err
		}
		if c.Hosts != nil {
			hosts, err := s.setHosts(ctx, *c.Hosts)
			if err != nil {
				return err
			}
			if hosts {
				changed = append(changed, "hosts")
			}
		}
		if len(changed) == 0 {
			return nil
		}
		return s.branded(ctx, sc.TenantID, changed)
	})
}

// branded tells that a brand was changed.
func (s *Service) branded(ctx context.Context, tenantID uuid.UUID, changed []string) error {
	store.AfterCommit(ctx, s.brands.Clear)
	return s.log.Publish(ctx, "brand.updated", "tenant", tenantID, events.Change{Data: struct {
		Changed []string `json:"changed"`
	}{changed}})
}

// setBrand writes the changed values and returns their names.
func (s *Service) setBrand(ctx context.Context, values map[string]*string) ([]string, error) {
	if len(values) == 0 {
		return nil, nil
	}
	client := s.store.Ent(ctx).Brand
	sc, err := scope.From(ctx)
	if err != nil {
		return nil, err
	}
	// Two who are the first at the same time share one row.
	_, err = store.Exec(ctx, `INSERT INTO brands (id, created_at, updated_at, tenant_id) VALUES ($1, $2, $2, $3) ON CONFLICT (tenant_id) DO NOTHING`,
		id.New(), s.store.Now(), sc.TenantID)
	if err != nil {
		return nil, fmt.Errorf("beginning a brand: %w", err)
	}
	present, err := client.Query().ForUpdate().Only(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading a brand: %w", err)
	}
	was := Brand{
		ProductName: present.ProductName, PrimaryColor: present.PrimaryColor, AccentColor: present.AccentColor, Theme: present.Theme,
		SupportEmail: present.SupportEmail, SupportPhone: present.SupportPhone, SupportURL: present.SupportURL,
		SenderName: present.SenderName, SenderAddress: present.SenderAddress, LoginText: present.LoginText,
	}
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

func sameText(a, b *string) bool { return a == b || a != nil && b != nil && *a == *b }

// setOrClear is what ent's mutations offer for fields by their names.
func setOrClear(m ent.Mutation, name string, value *string) error {
	if value == nil {
		return m.ClearField(name)
	}
	return m.SetField(name, *value)
}

// setHosts makes the list of hosts what it is to be, and tells whether it was
// another.
func (s *Service) setHosts(ctx context.Context, hosts []string) (bool, error) {
	client := s.store.Ent(ctx).BrandHost
	present, err := client.Query().ForUpdate().All(ctx)
	if err != nil {
		return false, fmt.Errorf("reading hosts: %w", err)
	}
	var have []string
	changed := false
	for _, row := range present {
		if !slices.Contains(hosts, row.Host) {
			changed = true
			if err := client.DeleteOne(row).Exec(ctx); err != nil {
				return false, fmt.Errorf("removing a host: %w", err)
			}
			continue
		}
		have = append(have, row.Host)
	}
	for i, host := range hosts {
		if slices.Contains(have, host) {
			continue
		}
		changed = true
		err := client.Create().SetHost(host).Exec(ctx)
		if store.Violates(err, "brandhost_host") || store.Violates(err, "brand_hosts_host_key") {
			return false, fault.New(fault.Conflict, fault.CodeHostTaken, "The host name is in use.").
				At(fmt.Sprintf("body.hosts[%d]", i), "is in use", host).Because(err)
		}
		if err != nil {
			return false, fmt.Errorf("adding a host: %w", err)
		}
	}
	return changed, nil
}
