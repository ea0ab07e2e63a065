package interactions

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/apikey"
	"github.com/trellishq/trellis/ent/contact"
	"github.com/trellishq/trellis/ent/interaction"
	"github.com/trellishq/trellis/ent/user"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/messaging/attachments"
	"github.com/trellishq/trellis/messaging/transcript"
)

// Transcript is all that was said and that happened in an interaction, to be
// written down once, page by page.
type Transcript struct {
	Head transcript.Head
	// Language and Zone are the tenant's.
	Language string
	Zone     *time.Location

	feeds []*feed
}

// Transcript begins a transcript of an interaction that the caller may see, and
// notes that he takes it. Internal notes are in it where he asks for them, as far
// as he may read them. Faults: CodeNotFound, CodeForbidden for notes.
func (s *Service) Transcript(ctx context.Context, c Caller, interactionID uuid.UUID, format transcript.Format, withNotes bool) (*Transcript, error) {
	out := &Transcript{}
	out.feeds = s.feeds(c, interactionID, &out.Head)
	if withNotes {
		if !c.ReadsNotes {
			return nil, fault.New(fault.Forbidden, fault.CodeForbidden, "Notes are for those who may read them (notes:read).")
		}
		out.feeds = append(out.feeds, &feed{page: func(ctx context.Context, after uuid.UUID) ([]transcript.Line, uuid.UUID, error) {
			return s.noteLines(ctx, c, interactionID, after)
		}})
	}
	err := s.store.InTx(ctx, func(ctx context.Context) error {
		q, err := s.visible(ctx, c)
		if err != nil {
			return err
		}
		row, err := q.Where(interaction.ID(interactionID)).Only(ctx)
		if ent.IsNotFound(err) {
			return fault.Missing("interaction")
		}
		if err != nil {
			return err
		}
		if err := s.headOf(ctx, row, out); err != nil {
			return err
		}
		return s.events.Publish(ctx, "interaction.downloaded", "interaction", row.ID, map[string]any{"format": format, "notes": withNotes})
	})
	return out, err
}

// headOf fills in what is said of a conversation as a whole.
func (s *Service) headOf(ctx context.Context, row *ent.Interaction, out *Transcript) error {
	here, err := s.store.Ent(ctx).Tenant.Get(ctx, row.TenantID)
	if err != nil {
		return err
	}
	through, err := s.channels.Get(ctx, row.ChannelID)
	if err != nil {
		return err
	}
	customer, err := s.store.Ent(ctx).Contact.Query().Where(contact.ID(row.ContactID)).Select(contact.FieldName).String(ctx)
	if err != nil && !ent.IsNotFound(err) {
		return err
	}
	waits, err := s.queueName(ctx, row.QueueID)
	if err != nil {
		return err
	}
	_, assignee, err := s.names(ctx, nil, row.AssigneeID)
	if err != nil {
		return err
	}
	if out.Zone, err = time.LoadLocation(here.TimeZone); err != nil {
		out.Zone = time.UTC
	}
	out.Language = here.Language
	out.Head = transcript.Head{
		ID: row.ID, Subject: row.Subject, Status: string(row.Status), Channel: through.Name, Address: through.Address,
		Customer: customer, From: row.Address, Queue: waits, Assignee: assignee,
		Started: row.CreatedAt, Closed: row.ClosedAt, Reason: row.CloseReason, TimeZone: out.Zone.String(),
	}
	if row.ClosedBy != nil {
		out.Head.ClosedBy = string(*row.ClosedBy)
	}
	return nil
}

// WriteTo writes the transcript, the oldest first. Each page is read with the
// caller's rights as they are by then: a transcript that may not be read to its
// end breaks off.
func (t *Transcript) WriteTo(ctx context.Context, w transcript.Writer) error {
	if err := w.Head(t.Head); err != nil {
		return err
	}
	for {
		var next *feed
		for _, f := range t.feeds {
			there, err := f.fill(ctx)
			if err != nil {
				return err
			}
			// Of two at the same time the earlier feed's comes first.
			if there && (next == nil || f.buffer[0].At.Before(next.buffer[0].At)) {
				next = f
			}
		}
		if next == nil {
			return w.Close()
		}
		if err := w.Line(next.buffer[0]); err != nil {
			return err
		}
		next.buffer = next.buffer[1:]
	}
}

// feed is a part of a transcript that is read page by page, in its own order.
type feed struct {
	// page returns lines behind a place, and the place of the last one.
	page   func(ctx context.Context, after uuid.UUID) (lines []transcript.Line, last uuid.UUID, err error)
	buffer []transcript.Line
	after  uuid.UUID
	done   bool
}

// feedPage is how many lines are read at once.
const feedPage = 200

// fill reads the next page where the last one is used up, and tells whether
// there is a line.
func (f *feed) fill(ctx context.Context) (bool, error) {
	if len(f.buffer) == 0 && !f.done {
		page, last, err := f.page(ctx, f.after)
		if err != nil {
			return false, err
		}
		if f.done = len(page) < feedPage; len(page) > 0 {
			f.buffer, f.after = page, last
		}
	}
	return len(f.buffer) > 0, nil
}

// feeds are what a transcript is made of: what happened, and what was said.
func (s *Service) feeds(c Caller, interactionID uuid.UUID, head *transcript.Head) []*feed {
	return []*feed{
		{page: func(ctx context.Context, after uuid.UUID) ([]transcript.Line, uuid.UUID, error) {
			return s.eventLines(ctx, c, interactionID, after)
		}},
		{page: func(ctx context.Context, after uuid.UUID) ([]transcript.Line, uuid.UUID, error) {
			return s.messageLines(ctx, c, interactionID, after, head.Customer)
		}},
	}
}

func (s *Service) eventLines(ctx context.Context, c Caller, interactionID, after uuid.UUID) ([]transcript.Line, uuid.UUID, error) {
	entries, err := s.Log(ctx, c, interactionID, after, true, feedPage)
	if err != nil {
		return nil, after, err
	}
	out := make([]transcript.Line, len(entries))
	for i, e := range entries {
		out[i] = transcript.Line{ID: e.ID, At: e.CreatedAt, Kind: transcript.Event, Text: e.Text}
	}
	if len(entries) > 0 {
		after = entries[len(entries)-1].ID
	}
	return out, after, nil
}

// messageLines are what was said, by the customer under his name if he has one.
// What is scheduled stands at the end, and has not been said.
func (s *Service) messageLines(ctx context.Context, c Caller, interactionID, after uuid.UUID, customer string) ([]transcript.Line, uuid.UUID, error) {
	messages, err := s.Messages(ctx, c, interactionID, after, true, feedPage)
	if err != nil {
		return nil, after, err
	}
	messages = slices.DeleteFunc(messages, func(m Message) bool { return m.Status == Scheduled })
	var ids []uuid.UUID
	for _, m := range messages {
		if m.SenderID != nil {
			ids = append(ids, *m.SenderID)
		}
	}
	authors, err := s.authors(ctx, ids)
	if err != nil {
		return nil, after, err
	}
	out := make([]transcript.Line, len(messages))
	for i, m := range messages {
		after = m.Place
		out[i] = transcript.Line{ID: m.ID, At: m.SaidAt, Kind: transcript.Received, Author: cmp.Or(customer, m.From), Text: m.Body}
		if m.Direction == "outbound" {
			out[i].Kind, out[i].Status, out[i].Author = transcript.Sent, string(m.Status), m.From
			if m.SenderID != nil && authors[*m.SenderID] != "" {
				out[i].Author = authors[*m.SenderID]
			}
		}
		out[i].Pictures = picturesOf(m.Attachments)
	}
	return out, after, nil
}

func picturesOf(of []attachments.Attachment) (out []transcript.Picture) {
	for _, a := range of {
		out = append(out, transcript.Picture{Name: a.Name, ContentType: a.ContentType, Bytes: a.Size})
	}
	return out
}

// noteLines are what colleagues told each other, as far as the caller may read it.
func (s *Service) noteLines(ctx context.Context, c Caller, interactionID, after uuid.UUID) ([]transcript.Line, uuid.UUID, error) {
	notes, err := s.Notes(ctx, c, interactionID, after, true, feedPage)
	if fault.Is(err, fault.CodeNotFound) {
		// A conversation that he reads as part of the journey is not his to see.
		return nil, after, nil
	}
	if err != nil {
		return nil, after, err
	}
	out := make([]transcript.Line, len(notes))
	for i, n := range notes {
		after = n.ID
		out[i] = transcript.Line{
			ID: n.ID, At: n.CreatedAt, Kind: transcript.Note, Author: n.AuthorName, Text: n.Body, Pictures: picturesOf(n.Attachments),
		}
		if n.Secret {
			out[i].Kind = transcript.SecretNote
		}
	}
	return out, after, nil
}

// authors are the names of users and keys of the tenant. Who is from above has
// none here: what he wrote stands under the number.
func (s *Service) authors(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]string, error) {
	out := map[uuid.UUID]string{}
	if len(ids) == 0 {
		return out, nil
	}
	err := s.store.Read(ctx, func(ctx context.Context) error {
		people, err := s.store.Ent(ctx).User.Query().Where(user.IDIn(ids...)).Select(user.FieldID, user.FieldName).All(ctx)
		if err != nil {
			return err
		}
		for _, p := range people {
			out[p.ID] = p.Name
		}
		keys, err := s.store.Ent(ctx).APIKey.Query().Where(apikey.IDIn(ids...)).Select(apikey.FieldID, apikey.FieldName).All(ctx)
		for _, k := range keys {
			out[k.ID] = k.Name
		}
		return err
	})
	return out, err
}
