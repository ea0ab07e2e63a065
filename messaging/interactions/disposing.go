package interactions

import (
	"context"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/disposition"
	"github.com/trellishq/trellis/ent/queue"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants/scope"
)

// LogDisposed says in the log what an interaction came to.
const LogDisposed LogKind = "disposed"

// comeTo writes down what a locked interaction came to, before somebody closes
// it.
func (s *Service) comeTo(ctx context.Context, c Caller, row *ent.Interaction, d Closing) error {
	if d.DispositionID != nil {
		return s.dispose(ctx, row, *d.DispositionID, d.Note)
	}
	// The customer and the survey dispose of nothing.
	if row.QueueID != nil && d.OnBehalfOf == "" {
		required, err := s.store.Ent(ctx).Queue.Query().Where(queue.ID(*row.QueueID), queue.DispositionRequired(true)).Exist(ctx)
		if err != nil {
			return err
		}
		if required {
			return fault.InvalidField(fault.CodeDispositionRequired, "body.disposition_id", "is required by the interaction's queue")
		}
	}
	if d.Note == "" {
		return nil
	}
	_, err := s.note(ctx, c, row, NewNote{Body: d.Note})
	return err
}

// Dispose says what an interaction came to that was closed without it: by the
// customer, or by the system. It is said once (decisions C-30), and once more for
// one that was opened again since. Faults:
// CodeNotFound, also for a disposition that is not in use for it, CodeStale,
// CodeWrongState while it is not closed and where it has been said.
func (s *Service) Dispose(ctx context.Context, c Caller, interactionID, dispositionID uuid.UUID, note string, e Expectation) (Interaction, error) {
	return s.act(ctx, c, interactionID, e, func(ctx context.Context, row *ent.Interaction) error {
		if row.Status != Closed {
			return wrongState(row.Status)
		}
		return s.dispose(ctx, row, dispositionID, note)
	})
}

func (s *Service) dispose(ctx context.Context, row *ent.Interaction, dispositionID uuid.UUID, note string) error {
	sc, err := scope.From(ctx)
	if err != nil {
		return err
	}
	choice := disposition.QueueIDIsNil()
	if row.QueueID != nil {
		choice = disposition.Or(choice, disposition.QueueID(*row.QueueID))
	}
	chosen, err := s.store.Ent(ctx).Disposition.Query().
		Where(disposition.ID(dispositionID), disposition.ArchivedAtIsNil(), choice).Only(ctx)
	if ent.IsNotFound(err) {
		return fault.InvalidField(fault.CodeNotFound, "body.disposition_id",
			"is on neither list in use for the interaction: its queue's, and the tenant's default list", dispositionID.String())
	}
	if err != nil {
		return err
	}
	var actor *uuid.UUID
	if sc.Actor.ID != uuid.Nil {
		actor = &sc.Actor.ID
	}
	result, err := store.Exec(ctx, `
		INSERT INTO interaction_dispositions (tenant_id, interaction_id, reopened_at, disposition_id, name, note, actor_id, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (tenant_id, interaction_id, reopened_at) DO NOTHING`,
		row.TenantID, row.ID, row.ReopenedAt, chosen.ID, chosen.Name, clean(note), actor, s.store.Now())
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		if err == nil {
			err = fault.New(fault.Conflict, fault.CodeWrongState, "What the interaction came to has been said, and is final.").Showing("disposed")
		}
		return err
	}
	err = s.enter(ctx, row.ID, LogDisposed, actorName(ctx)+" disposed the conversation as "+chosen.Name+".",
		LogDetails{QueueID: row.QueueID, To: chosen.Name, Comment: clean(note)})
	if err != nil {
		return err
	}
	return s.events.Publish(ctx, "interaction.disposed", "interaction", row.ID,
		map[string]any{"disposition_id": chosen.ID, "name": chosen.Name, "kind": chosen.Kind})
}
