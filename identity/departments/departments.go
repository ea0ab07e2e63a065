// Package departments owns the groups of a tenant's users: who is in which, and
// which modules a group opens to its members. It decides nothing about rights.
package departments

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/department"
	"github.com/trellishq/trellis/events"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants"
)

const uniqueName = "h_departments_name"

// Log is where the service writes down what happened.
type Log interface {
	Publish(ctx context.Context, kind, objectKind string, objectID uuid.UUID, data any) error
}

// Service keeps departments. It is safe for concurrent use.
type Service struct {
	store *store.Store
	log   Log
}

// New makes the service.
func New(s *store.Store, log Log) *Service { return &Service{s, log} }

// Module is a part of the product that a department opens to its members.
type Module string

// The modules.
const (
	Email Module = "email"
	Chat  Module = "chat"
)

// Modules lists the modules.
func Modules() []Module { return []Module{Email, Chat} }

// Department is a group of users.
type Department struct {
	ID       uuid.UUID
	TenantID uuid.UUID
	// Name is unique in the tenant, in capitals or not.
	Name string
	// Alias is what a telephone system calls it; it may be empty.
	Alias string
	// EmailEnabled and ChatEnabled open the modules to all members.
	EmailEnabled, ChatEnabled bool
	CreatedAt                 time.Time
	UpdatedAt                 time.Time
	Version                   int
}

func view(d *ent.Department) Department {
	return Department{
		ID: d.ID, TenantID: d.TenantID, Name: d.Name, Alias: d.Alias,
		EmailEnabled: d.EmailEnabled, ChatEnabled: d.ChatEnabled,
		CreatedAt: d.CreatedAt, UpdatedAt: d.UpdatedAt, Version: d.Version,
	}
}

// data is what events tell of a department.
type data struct {
	Changed      []string `json:"changed,omitempty"`
	Name         string   `json:"name"`
	EmailEnabled bool     `json:"email_enabled"`
	ChatEnabled  bool     `json:"chat_enabled"`
}

// snapshot is a department as the audit log compares it.
type snapshot struct {
	Name         string `json:"name"`
	Alias        string `json:"alias"`
	EmailEnabled bool   `json:"email_enabled"`
	ChatEnabled  bool   `json:"chat_enabled"`
}

func snapshotOf(d *ent.Department) any {
	if d == nil {
		return nil
	}
	return snapshot{d.Name, d.Alias, d.EmailEnabled, d.ChatEnabled}
}

// publish writes down what happened to a department; before is nil for a new
// one, after for one that is gone.
func (s *Service) publish(ctx context.Context, kind string, before, after *ent.Department, changed ...string) error {
	d := cmp.Or(after, before)
	return s.log.Publish(ctx, kind, "department", d.ID, events.Change{
		Data:   data{changed, d.Name, d.EmailEnabled, d.ChatEnabled},
		Before: snapshotOf(before), After: snapshotOf(after),
	})
}

// NewDepartment describes a department to be made.
type NewDepartment struct {
	Name, Alias               string
	EmailEnabled, ChatEnabled bool
}

// Create makes a department in the scope's tenant. It fails with
// validation_failed and name_taken.
func (s *Service) Create(ctx context.Context, n NewDepartment) (Department, error) {
	name, err := tenants.CleanName("body.name", n.Name)
	if err != nil {
		return Department{}, err
	}
	alias, err := cleanAlias(n.Alias)
	if err != nil {
		return Department{}, err
	}
	var made Department
	err = s.store.InTx(ctx, func(ctx context.Context) error {
		row, err := s.store.Ent(ctx).Department.Create().SetName(name).SetNameFolded(strings.ToLower(name)).SetAlias(alias).
			SetEmailEnabled(n.EmailEnabled).SetChatEnabled(n.ChatEnabled).Save(ctx)
		if err != nil {
			return storing(err)
		}
		made = view(row)
		return s.publish(ctx, "department.created", nil, row)
	})
	return made, err
}

// storing explains why a department could not be stored.
func storing(err error) error {
	if store.Violates(err, uniqueName) {
		return fault.New(fault.Conflict, fault.CodeNameTaken, "Another department has this name.").
			At("body.name", "is taken").Because(err)
	}
	return fmt.Errorf("storing a department: %w", err)
}

// cleanAlias is a name that may be empty.
func cleanAlias(alias string) (string, error) {
	if strings.TrimSpace(alias) == "" {
		return "", nil
	}
	return tenants.CleanName("body.alias", alias)
}

// Get returns a department of the scope's tenant. It fails with not_found.
func (s *Service) Get(ctx context.Context, departmentID uuid.UUID) (Department, error) {
	var found Department
	err := s.store.Read(ctx, func(ctx context.Context) error {
		row, err := s.store.Ent(ctx).Department.Query().Where(department.ID(departmentID)).Only(ctx)
		if err != nil {
			return reading(err)
		}
		found = view(row)
		return nil
	})
	return found, err
}

func reading(err error) error {
	if store.IsNotFound(err) {
		return fault.Missing("department")
	}
	return fmt.Errorf("reading a department: %w", err)
}

// Filter says which departments a list holds. Zero values do not filter.
type Filter struct {
	// After is the id that the page before ended with.
	After *uuid.UUID
	// Limit is the greatest number of departments to return.
	Limit int
	// Prefix is how the name begins, in capitals or not.
	Prefix string
}

// List returns departments of the scope's tenant in the order of their ids,
// which is that of their creation.
func (s *Service) List(ctx context.Context, f Filter) ([]Department, error) {
	var found []Department
	err := s.store.Read(ctx, func(ctx context.Context) error {
		query := s.store.Ent(ctx).Department.Query()
		if f.After != nil {
			query.Where(department.IDGT(*f.After))
		}
		if f.Prefix != "" {
			query.Where(store.HasPrefix(department.FieldNameFolded, strings.ToLower(f.Prefix)))
		}
		rows, err := query.Order(department.ByID()).Limit(max(f.Limit, 1)).All(ctx)
		if err != nil {
			return fmt.Errorf("listing departments: %w", err)
		}
		for _, row := range rows {
			found = append(found, view(row))
		}
		return nil
	})
	return found, err
}

// Change holds the new values of a department; nil leaves a value as it is.
type Change struct {
	Name, Alias               *string
	EmailEnabled, ChatEnabled *bool
}

// Update changes a department of the scope's tenant. The version that it finds
// must pass the check, where there is one. It fails with what the check says,
// not_found, validation_failed and name_taken.
func (s *Service) Update(ctx context.Context, departmentID uuid.UUID, c Change, check func(version int64) error) (Department, error) {
	c, err := c.clean()
	if err != nil {
		return Department{}, err
	}
	var updated Department
	err = s.store.InTx(ctx, func(ctx context.Context) error {
		present, err := s.lock(ctx, departmentID, check)
		if err != nil {
			return err
		}
		updated, err = s.apply(ctx, present, c)
		return err
	})
	return updated, err
}

func (c Change) clean() (Change, error) {
	if c.Name != nil {
		name, err := tenants.CleanName("body.name", *c.Name)
		if err != nil {
			return c, err
		}
		c.Name = &name
	}
	if c.Alias != nil {
		alias, err := cleanAlias(*c.Alias)
		if err != nil {
			return c, err
		}
		c.Alias = &alias
	}
	return c, nil
}

func (s *Service) lock(ctx context.Context, departmentID uuid.UUID, check func(version int64) error) (*ent.Department, error) {
	row, err := s.store.Ent(ctx).Department.Query().Where(department.ID(departmentID)).ForUpdate().Only(ctx)
	if err != nil {
		return nil, reading(err)
	}
	if check != nil {
		err = check(int64(row.Version))
	}
	return row, err
}

func (s *Service) apply(ctx context.Context, present *ent.Department, c Change) (Department, error) {
	update := present.Update()
	var changed []string
	if c.Name != nil && *c.Name != present.Name {
		update.SetName(*c.Name).SetNameFolded(strings.ToLower(*c.Name))
		changed = append(changed, "name")
	}
	if c.Alias != nil && *c.Alias != present.Alias {
		update.SetAlias(*c.Alias)
		changed = append(changed, "alias")
	}
	if c.EmailEnabled != nil && *c.EmailEnabled != present.EmailEnabled {
		update.SetEmailEnabled(*c.EmailEnabled)
		changed = append(changed, "email_enabled")
	}
	if c.ChatEnabled != nil && *c.ChatEnabled != present.ChatEnabled {
		update.SetChatEnabled(*c.ChatEnabled)
		changed = append(changed, "chat_enabled")
	}
	if len(changed) == 0 {
		return view(present), nil
	}
	row, err := update.Save(ctx)
	if err != nil {
		return Department{}, storing(err)
	}
	return view(row), s.publish(ctx, "department.updated", present, row, changed...)
}

// Delete removes a department; its members stay and lose the modules that they
// had by it alone. It fails with what the check says and with not_found.
func (s *Service) Delete(ctx context.Context, departmentID uuid.UUID, check func(version int64) error) error {
	return s.store.InTx(ctx, func(ctx context.Context) error {
		present, err := s.lock(ctx, departmentID, check)
		if err != nil {
			return err
		}
		if _, err := store.Exec(ctx, `DELETE FROM department_members WHERE tenant_id = $1 AND department_id = $2`,
			present.TenantID, departmentID); err != nil {
			return fmt.Errorf("emptying a department: %w", err)
		}
		if err := s.store.Ent(ctx).Department.DeleteOneID(departmentID).Exec(ctx); err != nil {
			return fmt.Errorf("deleting a department: %w", err)
		}
		return s.publish(ctx, "department.deleted", present, nil)
	})
}
