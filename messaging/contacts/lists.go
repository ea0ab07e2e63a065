package contacts

import (
	"context"
	"time"

	entsql "entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/channel"
	"github.com/trellishq/trellis/ent/contact"
	"github.com/trellishq/trellis/ent/contactlist"
	"github.com/trellishq/trellis/ent/predicate"
	"github.com/trellishq/trellis/events"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants"
)

// ContactList is a list of contacts; a contact can be on several.
type ContactList struct {
	ID         uuid.UUID
	CreatedAt  time.Time
	UpdatedAt  time.Time
	Version    int
	Name       string
	ArchivedAt *time.Time
}

func listView(row *ent.ContactList) ContactList {
	return ContactList{
		ID: row.ID, CreatedAt: row.CreatedAt, UpdatedAt: row.UpdatedAt, Version: row.Version,
		Name: row.Name, ArchivedAt: row.ArchivedAt,
	}
}

// auditedList is what of a list is compared before and after a change.
type auditedList struct {
	Name       string     `json:"name"`
	ArchivedAt *time.Time `json:"archived_at"`
}

func (l ContactList) audited() auditedList { return auditedList{l.Name, l.ArchivedAt} }

// Lists returns contact lists behind a given id, oldest first: those in use, or
// with archived those that no longer are.
func (s *Service) Lists(ctx context.Context, archived bool, after uuid.UUID, limit int) ([]ContactList, error) {
	var out []ContactList
	err := s.store.Read(ctx, func(ctx context.Context) error {
		q := s.store.Ent(ctx).ContactList.Query().Where(contactlist.IDGT(after))
		if archived {
			q.Where(contactlist.ArchivedAtNotNil())
		} else {
			q.Where(contactlist.ArchivedAtIsNil())
		}
		rows, err := q.Order(ent.Asc(contactlist.FieldID)).Limit(limit).All(ctx)
		for _, row := range rows {
			out = append(out, listView(row))
		}
		return err
	})
	return out, err
}

// GetList returns one contact list; an archived one is found as well. Faults:
// CodeNotFound.
func (s *Service) GetList(ctx context.Context, listID uuid.UUID) (ContactList, error) {
	var out ContactList
	err := s.store.Read(ctx, func(ctx context.Context) error {
		row, err := s.store.Ent(ctx).ContactList.Get(ctx, listID)
		if ent.IsNotFound(err) {
			return fault.Missing("contact list")
		}
		if err == nil {
			out = listView(row)
		}
		return err
	})
	return out, err
}

// CreateList makes a contact list with nobody on it. Faults: CodeInvalid,
// CodeNameTaken.
func (s *Service) CreateList(ctx context.Context, name string) (ContactList, error) {
	name, err := tenants.CleanName("body.name", name)
	if err != nil {
		return ContactList{}, err
	}
	var out ContactList
	err = s.store.InTx(ctx, func(ctx context.Context) error {
		row, err := s.store.Ent(ctx).ContactList.Create().SetName(name).Save(ctx)
		if err != nil {
			return listNamed(err, name)
		}
		out = listView(row)
		return s.events.Publish(ctx, "contact_list.created", "contact_list", row.ID,
			events.Change{Data: map[string]any{"name": name}, After: out.audited()})
	})
	return out, err
}

func listNamed(err error, name string) error {
	if store.Violates(err, "h_contact_lists_name") {
		return fault.New(fault.Conflict, fault.CodeNameTaken, "Another contact list of the tenant has this name.").
			At("body.name", "is taken", name)
	}
	return err
}

// RenameList gives a contact list whose version passes the check another name.
// Faults: those of the check and of CreateList, CodeNotFound, CodeWrongState for
// an archived one.
func (s *Service) RenameList(ctx context.Context, listID uuid.UUID, name *string, check func(version int64) error) (ContactList, error) {
	var out ContactList
	err := s.store.InTx(ctx, func(ctx context.Context) error {
		row, err := s.lockList(ctx, listID)
		if err != nil {
			return err
		}
		if err := check(int64(row.Version)); err != nil {
			return err
		}
		if row.ArchivedAt != nil {
			return listArchived()
		}
		out = listView(row)
		if name == nil {
			return nil
		}
		return s.renameList(ctx, row, *name, &out)
	})
	return out, err
}

func (s *Service) renameList(ctx context.Context, row *ent.ContactList, name string, out *ContactList) error {
	name, err := tenants.CleanName("body.name", name)
	if err != nil || name == row.Name {
		return err
	}
	before := listView(row).audited()
	row, err = row.Update().SetName(name).Save(ctx)
	if err != nil {
		return listNamed(err, name)
	}
	*out = listView(row)
	return s.events.Publish(ctx, "contact_list.updated", "contact_list", row.ID,
		events.Change{Data: map[string]any{"name": name}, Before: before, After: out.audited()})
}

func (s *Service) lockList(ctx context.Context, listID uuid.UUID) (*ent.ContactList, error) {
	row, err := s.store.Ent(ctx).ContactList.Query().Where(contactlist.ID(listID)).ForUpdate().Only(ctx)
	if ent.IsNotFound(err) {
		return nil, fault.Missing("contact list")
	}
	return row, err
}

func listArchived() error {
	return fault.New(fault.Conflict, fault.CodeWrongState, "The contact list is archived.").Showing("archived")
}

// ArchiveList takes a contact list out of use. Who is on it stays on it; channels
// must not add to it any more. Faults: CodeNotFound, CodeWrongState for an
// archived one, CodeConflict while a channel adds to it.
func (s *Service) ArchiveList(ctx context.Context, listID uuid.UUID) (ContactList, error) {
	var out ContactList
	err := s.store.InTx(ctx, func(ctx context.Context) error {
		row, err := s.lockList(ctx, listID)
		if err != nil {
			return err
		}
		if row.ArchivedAt != nil {
			return listArchived()
		}
		used, err := s.store.Ent(ctx).Channel.Query().
			Where(channel.ContactListID(listID), channel.StatusNEQ(channel.StatusReleased)).Exist(ctx)
		if err != nil {
			return err
		}
		if used {
			return fault.New(fault.Conflict, fault.CodeConflict,
				"A channel adds unknown senders to this list; give it another one first.").Showing("in_use")
		}
		before := listView(row).audited()
		row, err = row.Update().SetArchivedAt(s.store.Now()).Save(ctx)
		if err != nil {
			return err
		}
		out = listView(row)
		return s.events.Publish(ctx, "contact_list.archived", "contact_list", row.ID, events.Change{Before: before, After: out.audited()})
	})
	return out, err
}

// addToList puts a contact on a list. A released channel can name a list that
// has been archived since, to which nothing is added.
func (s *Service) addToList(ctx context.Context, listID, contactID uuid.UUID) error {
	result, err := store.Exec(ctx, `
		INSERT INTO contact_list_members (tenant_id, list_id, contact_id, created_at)
		SELECT tenant_id, id, $2, $3 FROM contact_lists WHERE id = $1 AND archived_at IS NULL
		ON CONFLICT (tenant_id, list_id, contact_id) DO NOTHING`, listID, contactID, s.store.Now())
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return err
	}
	return s.events.Publish(ctx, "contact.added_to_list", "contact", contactID, map[string]any{"list_id": listID})
}

// onList keeps to the contacts on a list.
func onList(listID uuid.UUID) predicate.Contact {
	return func(s *entsql.Selector) {
		s.Where(entsql.P(func(b *entsql.Builder) {
			b.WriteString("EXISTS (SELECT FROM contact_list_members m WHERE m.tenant_id = " + s.C(contact.FieldTenantID) +
				" AND m.contact_id = " + s.C(contact.FieldID) + " AND m.list_id = ").Arg(listID).WriteString(")")
		}))
	}
}
