package interactions

import (
	"context"
	"strconv"
	"strings"
	"unicode"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/channels/provider/segments"
	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/internal/fault"
)

// Priority orders what waits: what is higher is answered first (INT-57).
type Priority int

// The priorities.
const (
	Low    Priority = -1
	Normal Priority = 0
	High   Priority = 1
	Urgent Priority = 2
)

// priorities are their names, for clients.
var priorities = map[Priority]string{Low: "low", Normal: "normal", High: "high", Urgent: "urgent"}

// Priorities lists all priorities, the lowest first.
func Priorities() []Priority { return []Priority{Low, Normal, High, Urgent} }

// String is a priority's name.
func (p Priority) String() string {
	if name, ok := priorities[p]; ok {
		return name
	}
	return strconv.Itoa(int(p))
}

// ParsePriority finds a priority by its name.
func ParsePriority(name string) (Priority, bool) {
	for p, known := range priorities {
		if known == name {
			return p, true
		}
	}
	return Normal, false
}

// Edit is a partial change of an interaction; nil fields stay as they are.
type Edit struct {
	Subject  *string
	Priority *Priority
	// SubStatus is a key of the tenant's list; empty for none.
	SubStatus *string
}

// Update changes what stands on an interaction. Faults: CodeNotFound, CodeStale,
// CodeWrongState for one that is solved or closed, CodeInvalid.
func (s *Service) Update(ctx context.Context, c Caller, interactionID uuid.UUID, edit Edit, e Expectation) (Interaction, error) {
	return s.act(ctx, c, interactionID, e, func(ctx context.Context, row *ent.Interaction) error {
		if row.Status == Solved || row.Status == Closed {
			return wrongState(row.Status)
		}
		changes, err := s.changes(ctx, row, edit)
		if err != nil || len(changes) == 0 {
			return err
		}
		update := row.Update()
		fields := []string{}
		for _, change := range changes {
			change.set(update)
			fields = append(fields, change.field)
			if err := s.enter(ctx, row.ID, change.kind, change.text, change.details); err != nil {
				return err
			}
		}
		if err := update.Exec(ctx); err != nil {
			return err
		}
		// What was written stays out of the log of events: a subject is content.
		return s.events.Publish(ctx, "interaction.updated", "interaction", row.ID, map[string]any{"fields": fields})
	})
}

// changed is one field of an interaction that gets another value.
type changed struct {
	field   string
	kind    LogKind
	text    string
	details LogDetails
	set     func(*ent.InteractionUpdateOne)
}

// changes are the fields that an edit really changes.
func (s *Service) changes(ctx context.Context, row *ent.Interaction, edit Edit) ([]changed, error) {
	var out []changed
	if edit.Subject != nil {
		subject, err := cleanSubject(*edit.Subject)
		if err != nil {
			return nil, err
		}
		if subject != row.Subject {
			out = append(out, changed{
				"subject", LogSubject, "Subject updated by " + actorName(ctx) + ".",
				LogDetails{From: row.Subject, To: subject},
				func(u *ent.InteractionUpdateOne) { u.SetSubject(subject) },
			})
		}
	}
	if edit.Priority != nil && int(*edit.Priority) != row.Priority {
		from := Priority(row.Priority)
		out = append(out, changed{
			"priority", LogPriority, "Priority updated from " + from.String() + " to " + edit.Priority.String() + ".",
			LogDetails{From: from.String(), To: edit.Priority.String()},
			func(u *ent.InteractionUpdateOne) { u.SetPriority(int(*edit.Priority)) },
		})
	}
	if edit.SubStatus != nil && *edit.SubStatus != row.SubStatus {
		change, err := s.subStatusChange(ctx, row, *edit.SubStatus)
		if err != nil {
			return nil, err
		}
		out = append(out, change)
	}
	return out, nil
}

func (s *Service) subStatusChange(ctx context.Context, row *ent.Interaction, key string) (changed, error) {
	settings, err := s.settings(ctx)
	if err != nil {
		return changed{}, err
	}
	to, err := settings.subStatusName(key)
	if err != nil {
		return changed{}, err
	}
	text := "Sub-status set to " + to + "."
	if key == "" {
		text = "Sub-status removed."
	}
	return changed{
		"sub_status", LogSubStatus, text,
		LogDetails{From: row.SubStatus, To: key},
		func(u *ent.InteractionUpdateOne) { u.SetSubStatus(key) },
	}, nil
}

// cleanSubject makes one line of a subject.
func cleanSubject(text string) (string, error) {
	subject := strings.Join(strings.Fields(text), " ")
	if strings.ContainsFunc(subject, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) }) {
		return "", fault.InvalidField(fault.CodeInvalid, "body.subject", "must not contain control characters")
	}
	return segments.Normalize(subject), nil
}
