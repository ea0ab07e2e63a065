package interactions

import (
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// View is one of the lists that conversations are kept in.
type View string

// The views.
const (
	// ActiveView is what is not closed: the messages view.
	ActiveView View = "active"
	// AssignedView is the caller's own list: what is his and not closed, and what
	// others have closed until he hides it.
	AssignedView View = "assigned"
	// SnoozedView is what is not closed and what the caller has put off by a
	// reminder. In his active list and in his own it is not.
	SnoozedView View = "snoozed"
	// MissedView is what was closed before anybody has dealt with it.
	MissedView View = "missed"
	// ClosedView is what is closed.
	ClosedView View = "closed"
	// AllView is the full history.
	AllView View = "all"
)

// Ownership chooses by who has an interaction.
type Ownership string

// The ownerships.
const (
	// Mine is assigned to the caller.
	Mine Ownership = "me"
	// Nobodys is assigned to nobody.
	Nobodys Ownership = "nobody"
	// Somebodys is assigned to anybody.
	Somebodys Ownership = "somebody"
)

// Filter chooses interactions; empty fields choose all.
type Filter struct {
	// Text is searched for: words from their start, and parts of telephone
	// numbers, in messages and in the contact.
	Text       string
	View       View
	IDs        []uuid.UUID
	Statuses   []Status
	ChannelIDs []uuid.UUID
	ContactID  uuid.UUID
	AssigneeID uuid.UUID
	Assigned   Ownership
	QueueIDs   []uuid.UUID
	// TagIDs keeps to what has any of the tags.
	TagIDs []uuid.UUID
	// Unseen keeps to what nobody has marked as read, or to what somebody has.
	Unseen *bool
	// NeedsReply keeps to what the customer wrote last in, or to the others.
	NeedsReply  *bool
	SubStatuses []string
	Priorities  []Priority
	// Direction is inbound for what the customer wrote last in.
	Direction string
	// Paused keeps to what lies aside, or to what does not.
	Paused *bool
	// HasDraft keeps to what the caller has begun to answer.
	HasDraft bool
	// Address of the other side, whole.
	Address string
	// From and Until bound the last message, StartedFrom and StartedUntil the
	// beginning. The ends are exclusive.
	From, Until               time.Time
	StartedFrom, StartedUntil time.Time
}

// statement is a piece of SQL that is put together, with its arguments. Values
// are bound; names and the conditions of partial indexes are written out, since
// an argument would hide them from the planner.
type statement struct {
	args []any
}

// bind adds an argument and returns its name.
func (s *statement) bind(value any) string {
	s.args = append(s.args, value)
	return "$" + strconv.Itoa(len(s.args))
}

// in is the condition that a column is one of the ids.
func (s *statement) in(column string, ids []uuid.UUID) string {
	return column + " = ANY (" + s.bind(idArray(ids)) + "::uuid[])"
}

// idArray writes ids as PostgreSQL reads an array.
func idArray(ids []uuid.UUID) string {
	texts := make([]string, len(ids))
	for i, id := range ids {
		texts[i] = id.String()
	}
	return "{" + strings.Join(texts, ",") + "}"
}

// viewConditions are what the views ask of a row of interactions, called i.
var viewConditions = map[View]string{
	ActiveView:   "i.status <> 'closed'",
	AssignedView: "i.listed",
	SnoozedView:  "i.status <> 'closed'",
	ClosedView:   "i.status = 'closed'",
	MissedView:   "i.status = 'closed' AND NOT i.managed",
	AllView:      "true",
}

// conditions are what the filter asks of such a row beside the view.
func (f Filter) conditions(s *statement, c Caller) []string {
	var out []string
	add := func(wanted bool, condition func() string) {
		if wanted {
			out = append(out, condition())
		}
	}
	add(len(f.IDs) > 0, func() string { return s.in("i.id", f.IDs) })
	add(len(f.Statuses) > 0, func() string { return statusRank + " = ANY (" + s.bind(rankArray(f.Statuses)) + "::int[])" })
	add(len(f.ChannelIDs) > 0, func() string { return s.in("i.channel_id", f.ChannelIDs) })
	add(len(f.QueueIDs) > 0, func() string { return s.in("i.queue_id", f.QueueIDs) })
	add(len(f.TagIDs) > 0, func() string {
		return "EXISTS (SELECT FROM interaction_tags t WHERE t.tenant_id = i.tenant_id AND t.interaction_id = i.id AND " + s.in("t.tag_id", f.TagIDs) + ")"
	})
	add(f.ContactID != uuid.Nil, func() string { return "i.contact_id = " + s.bind(f.ContactID) })
	add(f.AssigneeID != uuid.Nil, func() string { return "i.assignee_id = " + s.bind(f.AssigneeID) })
	add(f.Assigned == Mine || f.View == AssignedView, func() string { return "i.assignee_id = " + s.bind(c.UserID) })
	add(f.Assigned == Nobodys, func() string { return "i.assignee_id IS NULL" })
	add(f.Assigned == Somebodys, func() string { return "i.assignee_id IS NOT NULL" })
	add(f.Unseen != nil && *f.Unseen, func() string { return "i.unseen > 0" })
	add(f.Unseen != nil && !*f.Unseen, func() string { return "i.unseen = 0" })
	add(f.NeedsReply != nil && *f.NeedsReply, func() string { return "i.needs_reply" })
	add(f.NeedsReply != nil && !*f.NeedsReply, func() string { return "NOT i.needs_reply" })
	add(len(f.SubStatuses) > 0, func() string { return "i.sub_status = ANY (" + s.bind(wordArray(f.SubStatuses)) + "::text[])" })
	add(len(f.Priorities) > 0, func() string { return "i.priority = ANY (" + s.bind(priorityArray(f.Priorities)) + "::bigint[])" })
	add(f.Direction != "", func() string { return "i.last_message_direction = " + s.bind(f.Direction) })
	add(f.Paused != nil && *f.Paused, func() string { return "i.paused_at IS NOT NULL" })
	add(f.Paused != nil && !*f.Paused, func() string { return "i.paused_at IS NULL" })
	add(f.HasDraft, func() string {
		return "EXISTS (SELECT FROM interaction_drafts w WHERE w.tenant_id = i.tenant_id AND w.interaction_id = i.id AND w.user_id = " + s.bind(c.UserID) + ")"
	})
	add(f.Address != "", func() string { return "i.address = " + s.bind(f.Address) })
	add(!f.From.IsZero(), func() string { return "i.last_message_at >= " + s.bind(f.From) })
	add(!f.Until.IsZero(), func() string { return "i.last_message_at < " + s.bind(f.Until) })
	add(!f.StartedFrom.IsZero(), func() string { return "i.created_at >= " + s.bind(f.StartedFrom) })
	add(!f.StartedUntil.IsZero(), func() string { return "i.created_at < " + s.bind(f.StartedUntil) })
	return out
}
