package routing

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/internal/id"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/messaging/agents"
	"github.com/trellishq/trellis/messaging/interactions"
	"github.com/trellishq/trellis/messaging/queues"
	"github.com/trellishq/trellis/tenants/scope"
)

// endOffers ends the open offers of a held queue that are none any more.
func (l *look) endOffers(ctx context.Context) error {
	of := func(condition string) string { return `o.queue_id = $4 AND ` + condition }
	const inQueue = `SELECT FROM interactions i WHERE i.tenant_id = o.tenant_id AND i.id = o.interaction_id`
	if err := l.end(ctx, Expired, of(`o.expires_at <= $5`), l.queue.ID, l.now); err != nil {
		return err
	}
	if err := l.end(ctx, Taken, of(`EXISTS (`+inQueue+` AND i.assignee_id IS NOT NULL)`), l.queue.ID); err != nil {
		return err
	}
	gone := `NOT EXISTS (` + inQueue + ` AND i.queue_id = o.queue_id AND ` + interactions.Waits + `)`
	if !l.queue.Automatic() || l.queue.Assignment.Strategy != queues.Broadcast {
		gone = `true`
	}
	return l.end(ctx, Withdrawn, of(gone), l.queue.ID)
}

// offer offers what waits to all members who are free. Nobody is offered more
// than he could take.
func (l *look) offer(ctx context.Context, kind agents.Kind) error {
	waiting, err := l.Interactions.LockWaiting(ctx, l.queue.ID, kind, batch)
	if err != nil {
		return err
	}
	members, err := l.Agents.Candidates(ctx, l.queue.ID, kind, true)
	if err != nil {
		return err
	}
	r := newRoster(l.queue.Assignment.Strategy, members, l.now)
	if waiting, err = l.toReturning(ctx, waiting, r); err != nil {
		return err
	}
	if err := l.withdrawFromAbsent(ctx, members); err != nil {
		return err
	}
	last, err := l.lastRounds(ctx, waiting)
	if err != nil {
		return err
	}
	for _, w := range waiting { // what is offered counts as had
		for _, o := range last[w.ID] {
			if c := r.byID[o.UserID]; c != nil && o.State == Open {
				c.Take(c.IdleSince)
			}
		}
	}
	return l.makeOffers(ctx, waiting, last, r)
}

// toReturning gives to who had the customer last what he is free for, and
// returns the rest.
func (l *look) toReturning(ctx context.Context, waiting []interactions.Waiting, r *roster) (rest []interactions.Waiting, err error) {
	if !l.queue.Assignment.ReturningCustomer {
		return waiting, nil
	}
	var gifts []interactions.Gift
	for _, w := range waiting {
		c := r.returning(w)
		if c == nil {
			rest = append(rest, w)
			continue
		}
		r.take(c)
		gifts = append(gifts, interactions.Gift{
			Waiting: w, QueueID: l.queue.ID, UserID: c.UserID, UserName: c.Name, How: interactions.ByReturning,
		})
	}
	if err := l.give(ctx, gifts, r); err != nil {
		return nil, err
	}
	for _, g := range gifts {
		if err := l.end(ctx, Taken, `o.interaction_id = $4`, g.ID); err != nil {
			return nil, err
		}
	}
	return rest, nil
}

// withdrawFromAbsent ends the offers to those who are not there to accept them.
func (l *look) withdrawFromAbsent(ctx context.Context, members []agents.Candidate) error {
	present := []uuid.UUID{}
	for _, c := range members {
		if c.Reason == "" || c.Reason == agents.Full || c.Reason == agents.KindFull {
			present = append(present, c.UserID)
		}
	}
	list, err := encode(present)
	if err != nil {
		return err
	}
	return l.end(ctx, Withdrawn,
		`o.queue_id = $4 AND o.user_id NOT IN (SELECT value::uuid FROM jsonb_array_elements_text($5::jsonb))`, l.queue.ID, list)
}

func encode(list any) (string, error) {
	content, err := json.Marshal(list)
	return string(content), err
}

// lastRounds returns the offers of the last round of each conversation.
func (l *look) lastRounds(ctx context.Context, waiting []interactions.Waiting) (map[uuid.UUID][]Offer, error) {
	ids := make([]uuid.UUID, len(waiting))
	for i, w := range waiting {
		ids[i] = w.ID
	}
	list, err := encode(ids)
	if err != nil {
		return nil, err
	}
	found, err := offersWhere(ctx, `
		AND o.interaction_id IN (SELECT value::uuid FROM jsonb_array_elements_text($2::jsonb))
		AND o.round = (SELECT max(latest.round) FROM offers latest WHERE latest.tenant_id = $1 AND latest.interaction_id = o.interaction_id)
		ORDER BY o.id`, list)
	out := map[uuid.UUID][]Offer{}
	for _, o := range found {
		out[o.InteractionID] = append(out[o.InteractionID], o)
	}
	return out, err
}

// makeOffers decides for each conversation to whom it is offered, and does so.
func (l *look) makeOffers(ctx context.Context, waiting []interactions.Waiting, last map[uuid.UUID][]Offer, r *roster) error {
	var made []Offer
	for _, w := range waiting {
		number, to := l.round(last[w.ID], r)
		for _, c := range to {
			made = append(made, Offer{
				ID: id.New(), QueueID: l.queue.ID, InteractionID: w.ID, UserID: c.UserID, Round: number, State: Open,
				CreatedAt: l.now, ExpiresAt: l.now.Add(l.queue.Assignment.OfferFor),
			})
			c.Take(c.IdleSince) // what is offered counts as had
		}
		if err := l.noteOffers(ctx, w.ID, to); err != nil {
			return err
		}
	}
	if err := l.insertOffers(ctx, made); err != nil {
		return err
	}
	return l.expiry(ctx)
}

// round is the number of the round in which a conversation is offered, and to
// whom. While an offer stands, only who has become free since is added. A round
// that ended with nobody is followed by the next, for those who have not
// rejected; when nobody else is left, those are asked again after a while.
func (l *look) round(last []Offer, r *roster) (number int, to []*agents.Candidate) {
	if len(last) == 0 {
		return 1, r.free(nil)
	}
	var asked, rejected []uuid.UUID
	var ended time.Time
	open := false
	for _, o := range last {
		asked = append(asked, o.UserID)
		if o.State == Rejected {
			rejected = append(rejected, o.UserID)
		}
		open = open || o.State == Open
		if o.EndedAt != nil && o.EndedAt.After(ended) {
			ended = *o.EndedAt
		}
	}
	number = last[0].Round
	if open {
		return number, r.free(asked)
	}
	if to = r.free(rejected); len(to) > 0 {
		return number + 1, to
	}
	again := ended.Add(l.queue.Assignment.OfferFor)
	if again.After(l.now) {
		if r.next() != nil {
			l.by(again)
		}
		return number, nil
	}
	return number + 1, r.free(nil)
}

// free are the members who can get something, but for some.
func (r *roster) free(but []uuid.UUID) (out []*agents.Candidate) {
	for _, c := range r.members {
		if c.Reason == "" && !slices.Contains(but, c.UserID) {
			out = append(out, c)
		}
	}
	return out
}

// noteOffers says in the log of a conversation to whom it was offered.
func (l *look) noteOffers(ctx context.Context, interactionID uuid.UUID, to []*agents.Candidate) error {
	if len(to) == 0 {
		return nil
	}
	names := make([]string, len(to))
	for i, c := range to {
		names[i] = c.Name
	}
	return l.Interactions.WriteLog(ctx, interactionID, interactions.LogOffered, "Conversation offered to "+join(names, maxNames)+".",
		interactions.LogDetails{QueueID: &l.queue.ID})
}

// maxNames is how many people a sentence names.
const maxNames = 10

// join lists names for a sentence, the rest as a number.
func join(names []string, most int) string {
	if len(names) > most {
		names = append(slices.Clone(names[:most]), strconv.Itoa(len(names)-most)+" more")
	}
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

// insertOffers writes new offers and tells whom they are made to.
func (l *look) insertOffers(ctx context.Context, made []Offer) error {
	if len(made) == 0 {
		return nil
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return err
	}
	rows := make([]map[string]any, len(made))
	for i, o := range made {
		rows[i] = map[string]any{"id": o.ID, "interaction_id": o.InteractionID, "user_id": o.UserID, "round": o.Round}
	}
	list, err := encode(rows)
	if err != nil {
		return err
	}
	_, err = store.Exec(ctx, `
		INSERT INTO offers (id, tenant_id, queue_id, interaction_id, user_id, round, state, created_at, expires_at)
		SELECT n.id, $2, $3, n.interaction_id, n.user_id, n.round, 'open', $4, $5
		FROM jsonb_to_recordset($1::jsonb) AS n (id uuid, interaction_id uuid, user_id uuid, round integer)`,
		list, sc.TenantID, l.queue.ID, l.now, made[0].ExpiresAt)
	if err != nil {
		return err
	}
	return l.tell(ctx, "offer.made", made)
}

// expiry has the queue looked at when the next of its offers expires.
func (l *look) expiry(ctx context.Context) error {
	sc, err := scope.From(ctx)
	if err != nil {
		return err
	}
	var next *time.Time
	err = store.QueryRow(ctx, []any{&next}, `SELECT min(expires_at) FROM offers WHERE tenant_id = $1 AND queue_id = $2 AND state = 'open'`,
		sc.TenantID, l.queue.ID)
	if next != nil {
		l.by(*next)
	}
	return err
}
