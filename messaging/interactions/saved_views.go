package interactions

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/events"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/id"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants"
	"github.com/trellishq/trellis/tenants/scope"
)

// SavedFilter is a filter that is kept under a name. Whoever uses it sees what he
// may see: Assigned means him.
type SavedFilter struct {
	View       View        `json:"view"`
	Text       string      `json:"q,omitempty"`
	Statuses   []Status    `json:"statuses,omitempty"`
	ChannelIDs []uuid.UUID `json:"channel_ids,omitempty"`
	QueueIDs   []uuid.UUID `json:"queue_ids,omitempty"`
	TagIDs     []uuid.UUID `json:"tag_ids,omitempty"`
	AssigneeID *uuid.UUID  `json:"assignee_id,omitempty"`
	Assigned   Ownership   `json:"assigned,omitempty"`
	Unseen     *bool       `json:"unseen,omitempty"`
	NeedsReply *bool       `json:"needs_reply,omitempty"`
}

// Filter is what the kept filter asks for.
func (f SavedFilter) Filter() Filter {
	out := Filter{
		View: f.View, Text: f.Text, Statuses: f.Statuses, ChannelIDs: f.ChannelIDs, QueueIDs: f.QueueIDs, TagIDs: f.TagIDs,
		Assigned: f.Assigned, Unseen: f.Unseen, NeedsReply: f.NeedsReply,
	}
	if f.AssigneeID != nil {
		out.AssigneeID = *f.AssigneeID
	}
	return out
}

// InboxView is a list of interactions that somebody has put together.
type InboxView struct {
	ID        uuid.UUID
	CreatedAt time.Time
	UpdatedAt time.Time
	Version   int64
	// OwnerID is the user or API key that made it.
	OwnerID uuid.UUID
	Name    string
	// Shared views are everybody's to see.
	Shared bool
	Filter SavedFilter
	Sort   Sort
	// Columns are what a client shows, in its order.
	Columns []string
}

// InboxViewInput is what an inbox view is made of; nil leaves as it is.
type InboxViewInput struct {
	Name    *string
	Shared  *bool
	Filter  *SavedFilter
	Sort    *Sort
	Columns []string
}

// maxInboxViews bounds what one person keeps.
const maxInboxViews = 100

// audited is what of a shared view is compared before and after a change.
func (v InboxView) audited() any {
	return map[string]any{"name": v.Name, "shared": v.Shared, "filter": v.Filter, "sort": v.Sort, "columns": v.Columns}
}

const inboxViewColumns = `id, created_at, updated_at, version, owner_id, name, shared, filter, sort, columns`

func scanInboxView(scan func(...any) error) (InboxView, error) {
	var (
		v               InboxView
		filter, columns []byte
	)
	err := scan(&v.ID, &v.CreatedAt, &v.UpdatedAt, &v.Version, &v.OwnerID, &v.Name, &v.Shared, &filter, &v.Sort, &columns)
	if errors.Is(err, sql.ErrNoRows) {
		return v, fault.Missing("inbox view")
	}
	if err != nil {
		return v, err
	}
	return v, errors.Join(json.Unmarshal(filter, &v.Filter), json.Unmarshal(columns, &v.Columns))
}

// InboxViews returns the caller's own views and the shared ones behind a given
// id, oldest first.
func (s *Service) InboxViews(ctx context.Context, after uuid.UUID, limit int) (out []InboxView, err error) {
	err = s.store.Read(ctx, func(ctx context.Context) error {
		sc, err := scope.From(ctx)
		if err != nil {
			return err
		}
		rows, err := store.Query(ctx, `SELECT `+inboxViewColumns+` FROM inbox_views
			WHERE tenant_id = $1 AND (owner_id = $2 OR shared) AND id > $3 ORDER BY id LIMIT $4`, sc.TenantID, sc.Actor.ID, after, limit)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			v, err := scanInboxView(rows.Scan)
			if err != nil {
				return err
			}
			out = append(out, v)
		}
		return rows.Err()
	})
	return out, err
}

// InboxView returns one of the caller's own views or of the shared ones. Faults:
// CodeNotFound.
func (s *Service) InboxView(ctx context.Context, viewID uuid.UUID) (out InboxView, err error) {
	err = s.store.Read(ctx, func(ctx context.Context) error {
		out, err = inboxView(ctx, viewID, "")
		return err
	})
	return out, err
}

func inboxView(ctx context.Context, viewID uuid.UUID, lock string) (InboxView, error) {
	sc, err := scope.From(ctx)
	if err != nil {
		return InboxView{}, err
	}
	return scanInboxView(func(dest ...any) error {
		return store.QueryRow(ctx, dest, `SELECT `+inboxViewColumns+` FROM inbox_views
			WHERE tenant_id = $1 AND (owner_id = $2 OR shared) AND id = $3`+lock, sc.TenantID, sc.Actor.ID, viewID)
	})
}

// CreateInboxView keeps a view under a name. Who may not share keeps it to
// himself. Faults: CodeInvalid, CodeNotFound for what the filter names,
// CodeNameTaken, CodeForbidden, CodeConflict where there are too many.
func (s *Service) CreateInboxView(ctx context.Context, mayShare bool, in InboxViewInput) (out InboxView, err error) {
	err = s.store.InTx(ctx, func(ctx context.Context) error {
		sc, err := scope.From(ctx)
		if err != nil {
			return err
		}
		now := s.store.Now()
		out = InboxView{ID: id.New(), CreatedAt: now, UpdatedAt: now, Version: 1, OwnerID: sc.Actor.ID, Columns: []string{}}
		if err := s.fill(ctx, mayShare, in, &out); err != nil {
			return err
		}
		var n int
		err = store.QueryRow(ctx, []any{&n}, `SELECT count(*) FROM inbox_views WHERE tenant_id = $1 AND owner_id = $2`, sc.TenantID, sc.Actor.ID)
		if err != nil {
			return err
		}
		if n >= maxInboxViews {
			return fault.New(fault.Conflict, fault.CodeConflict, "There can be %d views; remove one first.", maxInboxViews).Showing("too_many")
		}
		filter, columns, err := out.encode()
		if err != nil {
			return err
		}
		_, err = store.Exec(ctx, `
			INSERT INTO inbox_views (id, created_at, updated_at, version, tenant_id, owner_id, name, shared, filter, sort, columns)
			VALUES ($1, $2, $2, 1, $3, $4, $5, $6, $7, $8, $9)`,
			out.ID, now, sc.TenantID, out.OwnerID, out.Name, out.Shared, filter, string(out.Sort), columns)
		if err != nil {
			return viewNamed(err, out.Name)
		}
		return s.events.Publish(ctx, "inbox_view.created", "inbox_view", out.ID,
			events.Change{Data: map[string]any{"name": out.Name, "shared": out.Shared}, After: out.audited()})
	})
	return out, err
}

func (v InboxView) encode() (filter, columns string, err error) {
	f, err := json.Marshal(v.Filter)
	if err != nil {
		return "", "", err
	}
	c, err := json.Marshal(v.Columns)
	return string(f), string(c), err
}

func viewNamed(err error, name string) error {
	if store.Violates(err, "h_inbox_views_name") {
		return fault.New(fault.Conflict, fault.CodeNameTaken, "Another of your views has this name.").At("body.name", "is taken", name)
	}
	return err
}

// fill checks an input and puts it into a view.
func (s *Service) fill(ctx context.Context, mayShare bool, in InboxViewInput, v *InboxView) error {
	wasShared := v.Shared
	if in.Shared != nil {
		v.Shared = *in.Shared
	}
	if (wasShared || v.Shared) && !mayShare {
		return fault.New(fault.Forbidden, fault.CodeForbidden, "Views that everybody sees are for those who may share them.")
	}
	if in.Name != nil {
		name, err := tenants.CleanName("body.name", *in.Name)
		if err != nil {
			return err
		}
		v.Name = name
	}
	if in.Sort != nil {
		v.Sort = *in.Sort
	}
	if in.Columns != nil {
		v.Columns = in.Columns
	}
	if in.Filter != nil {
		v.Filter = *in.Filter
	}
	if !v.Sort.fits(v.Filter.View) {
		return fault.InvalidField(fault.CodeInvalid, "body.sort", "orders what is not closed; the filter's view has to be active", string(v.Sort))
	}
	if in.Filter == nil {
		return nil
	}
	return s.knows(ctx, v.Filter)
}

// knows refuses a filter that names what the tenant does not have.
func (s *Service) knows(ctx context.Context, f SavedFilter) error {
	sc, err := scope.From(ctx)
	if err != nil {
		return err
	}
	if f.Text != "" {
		if _, err := inquire(ctx, f.Text); err != nil {
			return fault.InvalidField(fault.CodeInvalid, "body.filter.q", "has neither letters nor digits", f.Text)
		}
	}
	var assignees []uuid.UUID
	if f.AssigneeID != nil {
		assignees = append(assignees, *f.AssigneeID)
	}
	for _, named := range []struct {
		table, field string
		ids          []uuid.UUID
	}{
		{"channels", "channel_ids", f.ChannelIDs},
		{"queues", "queue_ids", f.QueueIDs},
		{"tags", "tag_ids", f.TagIDs},
		{"users", "assignee_id", assignees},
	} {
		if len(named.ids) == 0 {
			continue
		}
		unknown, err := store.IDs(ctx, `SELECT asked FROM unnest($2::uuid[]) AS asked
			WHERE NOT EXISTS (SELECT FROM `+named.table+` t WHERE t.tenant_id = $1 AND t.id = asked) LIMIT 1`, sc.TenantID, idArray(named.ids))
		if err != nil {
			return err
		}
		if len(unknown) > 0 {
			return fault.InvalidField(fault.CodeNotFound, "body.filter."+named.field, "names something that the tenant does not have", unknown[0].String())
		}
	}
	return nil
}

// UpdateInboxView changes a view of the caller's own, or a shared one where he
// may share, whose version passes the check. Faults: those of the check and of
// CreateInboxView, CodeNotFound.
func (s *Service) UpdateInboxView(ctx context.Context, mayShare bool, viewID uuid.UUID, in InboxViewInput, check func(version int64) error) (out InboxView, err error) {
	err = s.store.InTx(ctx, func(ctx context.Context) error {
		before, err := inboxView(ctx, viewID, " FOR UPDATE")
		if err != nil {
			return err
		}
		if err := check(before.Version); err != nil {
			return err
		}
		out = before
		if err := s.fill(ctx, mayShare, in, &out); err != nil {
			return err
		}
		out.Version, out.UpdatedAt = before.Version+1, s.store.Now()
		filter, columns, err := out.encode()
		if err != nil {
			return err
		}
		sc, err := scope.From(ctx)
		if err != nil {
			return err
		}
		_, err = store.Exec(ctx, `
			UPDATE inbox_views SET name = $3, shared = $4, filter = $5, sort = $6, columns = $7, version = $8, updated_at = $9
			WHERE tenant_id = $1 AND id = $2`,
			sc.TenantID, viewID, out.Name, out.Shared, filter, string(out.Sort), columns, out.Version, out.UpdatedAt)
		if err != nil {
			return viewNamed(err, out.Name)
		}
		return s.events.Publish(ctx, "inbox_view.updated", "inbox_view", viewID,
			events.Change{Data: map[string]any{"name": out.Name, "shared": out.Shared}, Before: before.audited(), After: out.audited()})
	})
	return out, err
}

// DeleteInboxView removes a view of the caller's own, or a shared one where he
// may share. Faults: CodeNotFound, CodeForbidden.
func (s *Service) DeleteInboxView(ctx context.Context, mayShare bool, viewID uuid.UUID) error {
	return s.store.InTx(ctx, func(ctx context.Context) error {
		gone, err := inboxView(ctx, viewID, " FOR UPDATE")
		if err != nil {
			return err
		}
		if err := s.fill(ctx, mayShare, InboxViewInput{}, &gone); err != nil {
			return err
		}
		sc, err := scope.From(ctx)
		if err != nil {
			return err
		}
		if _, err := store.Exec(ctx, `DELETE FROM inbox_views WHERE tenant_id = $1 AND id = $2`, sc.TenantID, viewID); err != nil {
			return err
		}
		return s.events.Publish(ctx, "inbox_view.deleted", "inbox_view", viewID, events.Change{Before: gone.audited()})
	})
}

// ListInView returns interactions of a view behind a position. Faults:
// CodeNotFound, and those of List.
func (s *Service) ListInView(ctx context.Context, c Caller, viewID uuid.UUID, after Position, limit int) (out []Row, err error) {
	err = s.store.Read(ctx, func(ctx context.Context) error {
		v, err := inboxView(ctx, viewID, "")
		if err != nil {
			return err
		}
		out, err = s.List(ctx, c, v.Filter.Filter(), v.Sort, after, limit)
		return err
	})
	return out, err
}

// countUpTo is how far a view is counted, which any filter can be: an exact
// number beyond it would cost as much as the list is long.
const countUpTo = 1000

// CountInView counts what the caller sees in a view: exactly up to a thousand,
// and beyond it says that there is more. Faults: CodeNotFound.
func (s *Service) CountInView(ctx context.Context, c Caller, viewID uuid.UUID) (n int, more bool, err error) {
	err = s.store.Read(ctx, func(ctx context.Context) error {
		v, err := inboxView(ctx, viewID, "")
		if err != nil {
			return err
		}
		wanted, err := inquire(ctx, v.Filter.Text)
		if err != nil || wanted.nothing {
			return err
		}
		places, err := s.page(ctx, c, v.Filter.Filter(), wanted, v.Sort, Position{}, countUpTo+1)
		n, more = min(len(places), countUpTo), len(places) > countUpTo
		return err
	})
	return n, more, err
}
