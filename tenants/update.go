package tenants

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/tenant"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/store"
)

// Change holds the new values of a node; nil leaves a value as it is.
type Change struct {
	Name, Country, TimeZone, Language *string
	// Status suspends a node with all that is below it, or brings it back.
	Status *Status

	// ContentAccess is changed by the tenant's own people alone.
	ContentAccess                 *ContentAccess
	SecuritySuite, RequireIfMatch *bool
	AllowedOrigins                *[]string
}

// Update changes a node of the scope's subtree. The version that it finds must
// pass the check, where there is one; nil passes all. It fails with what the
// check says, with not_found outside of the subtree, name_taken,
// validation_failed, and with forbidden where the caller would suspend the
// tenant that it is at home in.
func (s *Service) Update(ctx context.Context, tenantID uuid.UUID, c Change, check func(version int64) error) (Tenant, error) {
	c, err := c.clean()
	if err != nil {
		return Tenant{}, err
	}
	var updated Tenant
	err = s.store.InTx(ctx, func(ctx context.Context) error {
		present, err := s.visible(ctx).Where(tenant.ID(tenantID)).ForUpdate().Only(ctx)
		if store.IsNotFound(err) {
			return fault.Missing("tenant")
		}
		if err != nil {
			return fmt.Errorf("reading a tenant: %w", err)
		}
		if check != nil {
			if err := check(int64(present.Version)); err != nil {
				return err
			}
		}
		updated, err = s.apply(ctx, present, c)
		return err
	})
	return updated, err
}

func (s *Service) apply(ctx context.Context, present *ent.Tenant, c Change) (Tenant, error) {
	update := present.Update()
	var changed []string
	set := func(field string, to *string, from string, setter func(string) *ent.TenantUpdateOne) {
		if to != nil && *to != from {
			setter(*to)
			changed = append(changed, field)
		}
	}
	set("name", c.Name, present.Name, update.SetName)
	set("country", c.Country, present.Country, update.SetCountry)
	set("time_zone", c.TimeZone, present.TimeZone, update.SetTimeZone)
	set("language", c.Language, present.Language, update.SetLanguage)
	if c.Status != nil && tenant.Status(*c.Status) != present.Status {
		if err := mayChangeStatus(ctx, present); err != nil {
			return Tenant{}, err
		}
		update.SetStatus(tenant.Status(*c.Status)).SetSuspendedByPath(suspender(ctx, *c.Status))
		changed = append(changed, "status")
	}
	settings, err := setSettings(ctx, present, c, update)
	if err != nil {
		return Tenant{}, err
	}
	if changed = append(changed, settings...); len(changed) == 0 {
		return show(ctx, present), nil
	}
	row, err := update.Save(ctx)
	if store.Violates(err, uniqueName) {
		return Tenant{}, nameTaken(err)
	}
	if err != nil {
		return Tenant{}, fmt.Errorf("updating a tenant: %w", err)
	}
	store.AfterCommit(ctx, s.nodes.Clear)
	return show(ctx, row), s.log.Publish(ctx, "tenant.updated", "tenant", row.ID, updatedData{
		Changed: changed, Name: row.Name, Status: Status(row.Status),
	})
}

// updatedData is the data of tenant.updated.
type updatedData struct {
	Changed []string `json:"changed"`
	Name    string   `json:"name"`
	Status  Status   `json:"status"`
}

// suspender is the home of the one who suspends: what he has suspended, nobody
// below him brings back.
func suspender(ctx context.Context, to Status) string {
	r, _ := reachOf(ctx)
	if to != StatusSuspended {
		return ""
	}
	return r.Home
}

// mayChangeStatus keeps callers from locking themselves out, everybody from
// locking out everybody, and those below from undoing what was decided above.
func mayChangeStatus(ctx context.Context, t *ent.Tenant) error {
	if r, ok := reachOf(ctx); ok && !strings.HasPrefix(t.SuspendedByPath, r.Home) && t.SuspendedByPath != "" {
		return fault.New(fault.Forbidden, fault.CodeForbidden,
			"The tenant was suspended from above and is brought back from there.").
			At("body.status", "cannot be changed by this caller")
	}
	if r, ok := reachOf(ctx); ok && r.Home == t.Path || t.Kind == tenant.KindOperator {
		return fault.New(fault.Forbidden, fault.CodeForbidden,
			"A tenant is suspended and brought back from above, not by its own people.").
			At("body.status", "cannot be changed by this caller")
	}
	return nil
}

func (c Change) clean() (Change, error) {
	name := func(text string) (string, error) { return CleanName("body.name", text) }
	for _, value := range []struct {
		field **string
		clean func(string) (string, error)
	}{
		{&c.Name, name}, {&c.Country, cleanCountry}, {&c.TimeZone, cleanTimeZone}, {&c.Language, cleanLanguage},
	} {
		if *value.field == nil {
			continue
		}
		clean, err := value.clean(**value.field)
		if err != nil {
			return Change{}, err
		}
		*value.field = &clean
	}
	if c.Status != nil && *c.Status != StatusActive && *c.Status != StatusSuspended {
		return Change{}, fault.InvalidField(fault.CodeInvalid, "body.status", "must be active or suspended", short(string(*c.Status)))
	}
	if c.ContentAccess != nil {
		if err := cleanContentAccess(*c.ContentAccess); err != nil {
			return Change{}, err
		}
	}
	if c.AllowedOrigins != nil {
		origins, err := cleanOrigins(*c.AllowedOrigins)
		if err != nil {
			return Change{}, err
		}
		c.AllowedOrigins = &origins
	}
	return c, nil
}
