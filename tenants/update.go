package tenants

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/tenant"
	"github.com/trellishq/trellis/events"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/store"
)

// Change holds the new values of a node; nil leaves a value as it is.
type Change struct {
	Name, Country, TimeZone, Language *string
	// Status suspends a node with all that is below it, or resumes it.
	Status *Status

	// ContentAccess is changed by the tenant's own people alone.
	ContentAccess                 *ContentAccess
	SecuritySuite, RequireIfMatch *bool
	AllowedOrigins                *[]string
}

// Update changes a node of the scope's subtree. The version that it finds must
// pass the check, where there is one; nil passes all. It fails with what the
// check says, with not_found outside of the subtree, name_taken,
// validation_failed, wrong_state, and with forbidden where the caller would
// suspend the tenant that it is at home in.
func (s *Service) Update(ctx context.Context, tenantID uuid.UUID, c Change, check func(version int64) error) (Tenant, error) {
	c, err := c.clean()
	if err != nil {
		return Tenant{}, err
	}
	var updated Tenant
	err = s.store.InTx(ctx, func(ctx context.Context) error {
		present, err := s.lock(ctx, tenantID, check)
		if err != nil {
			return err
		}
		if Status(present.Status).Gone() {
			return wrongState(present)
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
	if c.Name != nil {
		update.SetNameKey(nameKey(*c.Name))
	}
	action, err := s.setStatus(ctx, present, c.Status, update)
	if err != nil {
		return Tenant{}, err
	}
	if action != "" {
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
	if action != "" {
		if err := s.log.Publish(ctx, past[action], "tenant", row.ID, transited{Status: Status(row.Status)}); err != nil {
			return Tenant{}, err
		}
	}
	return show(ctx, row), s.log.Publish(ctx, "tenant.updated", "tenant", row.ID, events.Change{
		Data:   updatedData{Changed: changed, Name: row.Name, Status: Status(row.Status)},
		Before: recordOf(present), After: recordOf(row),
	})
}

// setStatus notes a change of status and returns the action that it is; none
// where the status is the present one.
func (s *Service) setStatus(ctx context.Context, present *ent.Tenant, to *Status, update *ent.TenantUpdateOne) (Action, error) {
	if to == nil || tenant.Status(*to) == present.Status {
		return "", nil
	}
	action := ActionResume
	if *to == StatusSuspended {
		action = ActionSuspend
	}
	err := s.transit(ctx, present, action, "", update)
	if f, ok := fault.As(err); ok && f.Kind == fault.Forbidden {
		return "", f.At("body.status", "cannot be changed by this caller")
	}
	return action, err
}

// updatedData is the data of tenant.updated.
type updatedData struct {
	Changed []string `json:"changed"`
	Name    string   `json:"name"`
	Status  Status   `json:"status"`
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
