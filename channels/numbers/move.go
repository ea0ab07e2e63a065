package numbers

import (
	"context"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/channels/provider"
	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/channel"
	"github.com/trellishq/trellis/ent/number"
	"github.com/trellishq/trellis/ent/tenant"
	"github.com/trellishq/trellis/events"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/id"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants/scope"
)

// How a holding begins.
const (
	causeAdded     = "added"
	causeAssigned  = "assigned"
	causeReclaimed = "reclaimed"
	causeReturned  = "returned"
)

// Reassigned is why conversations are closed whose number is taken away by
// force (decisions C-05).
const Reassigned = "channel_reassigned"

// Assign hands a number that the scope's tenant holds to one of its children.
// The number becomes a channel of the child; what went through it so far stays
// where it is. Faults: CodeInteractionsOpen while conversations are not closed
// and force does not close them.
func (s *Service) Assign(ctx context.Context, numberID, childID uuid.UUID, force bool) (Number, error) {
	return s.move(ctx, numberID, moving{kind: "number.assigned", force: force}, func(ctx context.Context, sc scope.Scope, row *ent.Number) (*ent.Tenant, error) {
		if row.HolderID != sc.TenantID {
			return nil, fault.New(fault.Conflict, fault.CodeWrongState,
				"Another tenant holds the number: it has to be reclaimed first.").Showing(row.HolderID.String())
		}
		child, err := s.holder(ctx, childID)
		if ent.IsNotFound(err) || err == nil && (child.ParentID == nil || *child.ParentID != sc.TenantID) {
			return nil, fault.InvalidField(fault.CodeNotFound, "body.tenant_id", "is no child of this tenant", childID.String())
		}
		return child, err
	})
}

// Reclaim takes a number back from wherever it is below the scope's tenant.
// Faults: CodeInteractionsOpen.
func (s *Service) Reclaim(ctx context.Context, numberID uuid.UUID, force bool) (Number, error) {
	return s.move(ctx, numberID, moving{kind: "number.reclaimed", force: force}, func(ctx context.Context, sc scope.Scope, row *ent.Number) (*ent.Tenant, error) {
		if row.HolderID == sc.TenantID {
			return nil, fault.New(fault.Conflict, fault.CodeWrongState, "The tenant holds the number itself.").Showing("held")
		}
		return s.store.Ent(ctx).Tenant.Get(ctx, sc.TenantID)
	})
}

// Move takes a number from any tenant of the scope's subtree to any other in
// one step, as if it had been reclaimed and assigned hop by hop. Faults:
// CodeInteractionsOpen, CodeWrongState where the tenant has it already.
func (s *Service) Move(ctx context.Context, numberID, tenantID uuid.UUID, force bool) (Number, error) {
	return s.move(ctx, numberID, moving{kind: "number.moved", force: force}, func(ctx context.Context, _ scope.Scope, row *ent.Number) (*ent.Tenant, error) {
		to, err := s.holder(ctx, tenantID)
		if ent.IsNotFound(err) {
			return nil, fault.InvalidField(fault.CodeNotFound, "body.tenant_id", "is no tenant that you can see", tenantID.String())
		}
		if err == nil && to.ID == row.HolderID {
			return nil, fault.New(fault.Conflict, fault.CodeWrongState, "The tenant has the number already.").Showing("held")
		}
		return to, err
	})
}

// Return gives a number that the scope's tenant holds back to the tenant above,
// which had granted it. It runs as the work of the tenant above, because from
// below nothing is written there: it begins a transaction of its own, and what
// it leaves behind the caller no longer sees. Faults: CodeNotFound,
// CodeWrongState for a number that a tenant below holds, CodeInteractionsOpen.
func (s *Service) Return(ctx context.Context, numberID uuid.UUID, force bool) error {
	sc, err := scope.From(ctx)
	if err != nil {
		return err
	}
	above, ok := parentOf(sc)
	if !ok {
		return fault.New(fault.Conflict, fault.CodeWrongState, "Nobody stands above the operator; a number of his is retired.").Showing("held")
	}
	if _, err := s.Get(ctx, numberID); err != nil {
		return err
	}
	_, err = s.move(scope.With(ctx, above), numberID, moving{kind: "number.returned", force: force, up: causeReturned},
		func(ctx context.Context, above scope.Scope, row *ent.Number) (*ent.Tenant, error) {
			switch {
			case !strings.HasPrefix(row.HolderPath, sc.Path):
				return nil, fault.Missing("number") // it has moved on meanwhile
			case row.HolderID != sc.TenantID:
				return nil, fault.New(fault.Conflict, fault.CodeWrongState,
					"Another tenant holds the number: it has to be reclaimed first.").Showing(row.HolderID.String())
			}
			return s.store.Ent(ctx).Tenant.Get(ctx, above.TenantID)
		})
	return err
}

// parentOf is the scope of the tenant above, with the same actor.
func parentOf(sc scope.Scope) (scope.Scope, bool) {
	way := nodes(sc.Path)
	if len(way) < 2 {
		return scope.Scope{}, false
	}
	above := way[len(way)-2]
	sc.TenantID, sc.Path = above.id, above.path
	return sc, true
}

// chooser decides who gets a number.
type chooser func(context.Context, scope.Scope, *ent.Number) (*ent.Tenant, error)

// moving is how a number changes hands.
type moving struct {
	// kind of the event.
	kind  string
	force bool
	// up is the cause of hops upwards; reclaimed where it is empty.
	up string
}

// move changes a number's holder in one transaction: the old channel ends, the
// new one begins, and inbound messages go to the new holder from the commit on.
func (s *Service) move(ctx context.Context, numberID uuid.UUID, m moving, to chooser) (Number, error) {
	var out Number
	err := s.store.InTx(ctx, func(ctx context.Context) error {
		sc, err := scope.From(ctx)
		if err != nil {
			return err
		}
		row, err := s.lock(ctx, numberID)
		if err != nil {
			return err
		}
		holder, err := to(ctx, sc, row)
		if err != nil {
			return err
		}
		if row.Status == number.StatusRetired {
			return retired(row)
		}
		if err := mayHold(holder); err != nil {
			return err
		}
		if err := s.end(ctx, sc, row, m.force); err != nil {
			return err
		}
		hops := m.hops(row.HolderPath, holder.Path)
		if err := s.passBy(ctx, sc, row.ID, hops[:len(hops)-1]); err != nil {
			return err
		}
		before := audited(row)
		row, err = row.Update().SetHolderID(holder.ID).SetHolderPath(holder.Path).Save(ctx)
		if err != nil {
			return err
		}
		if err := s.begin(ctx, row, hops[len(hops)-1].cause); err != nil {
			return err
		}
		out = s.view(sc, row)
		return s.events.Publish(ctx, m.kind, "number", row.ID, events.Change{
			Data: map[string]any{
				"address": row.Address, "from_id": before.HolderID, "holder_id": holder.ID, "forced": m.force,
			},
			Before: before, After: audited(row),
		})
	})
	return out, err
}

// lock loads a number of the scope's subtree for a change.
func (s *Service) lock(ctx context.Context, numberID uuid.UUID) (*ent.Number, error) {
	row, err := s.visible(ctx).Where(number.ID(numberID)).ForUpdate().Only(ctx)
	if ent.IsNotFound(err) {
		return nil, fault.Missing("number")
	}
	return row, err
}

func retired(row *ent.Number) error {
	return fault.New(fault.Conflict, fault.CodeWrongState, "The number has left the inventory.").Showing(string(row.Status))
}

// mayHold refuses tenants that can do nothing with a number.
func mayHold(t *ent.Tenant) error {
	switch {
	case t.Kind == "sandbox":
		return fault.InvalidField(fault.CodeInvalid, "body.tenant_id", "is a sandbox, where no real number is used", t.ID.String())
	case t.Status != tenant.StatusActive && t.Status != tenant.StatusSuspended:
		return fault.New(fault.Conflict, fault.CodeWrongState, "The tenant is %s and takes no numbers.", t.Status).Showing(string(t.Status))
	}
	return nil
}

// hop is one step of a number's way through the tree.
type hop struct {
	node
	cause string
}

// node is a place in the tree.
type node struct {
	id   uuid.UUID
	path string
}

// nodes are a path's, from the root down.
func nodes(path string) []node {
	var out []node
	at := "/"
	for _, text := range strings.Split(strings.Trim(path, "/"), "/") {
		at += text + "/"
		out = append(out, node{uuid.MustParse(text), at})
	}
	return out
}

// hops are the steps from one holder to another: up to where their ways part,
// and down from there.
func (m moving) hops(from, to string) []hop {
	up := m.up
	if up == "" {
		up = causeReclaimed
	}
	var out []hop
	above := nodes(from)
	for i := len(above) - 2; i >= 0; i-- {
		if strings.HasPrefix(to, above[i+1].path) {
			break
		}
		out = append(out, hop{above[i], up})
	}
	for _, n := range nodes(to) {
		if !strings.HasPrefix(from, n.path) {
			out = append(out, hop{n, causeAssigned})
		}
	}
	return out
}

// passBy writes down the tenants through whose hands a number went.
func (s *Service) passBy(ctx context.Context, sc scope.Scope, numberID uuid.UUID, through []hop) error {
	now := s.store.Now()
	for _, h := range through {
		if err := hold(ctx, sc, numberID, h, now, &now); err != nil {
			return err
		}
	}
	return nil
}

func hold(ctx context.Context, sc scope.Scope, numberID uuid.UUID, h hop, from time.Time, until *time.Time) error {
	var actorID *uuid.UUID
	if sc.Actor.ID != uuid.Nil {
		actorID = &sc.Actor.ID
	}
	_, err := store.Exec(ctx, `
		INSERT INTO number_holdings (id, number_id, holder_id, holder_path, cause, actor_kind, actor_id, started_at, ended_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		id.New(), numberID, h.id, h.path, h.cause, sc.Actor.Kind, actorID, from, until)
	return err
}

// end closes the present holding and its channel, inside the holder's tenant.
func (s *Service) end(ctx context.Context, sc scope.Scope, row *ent.Number, force bool) error {
	_, err := store.Exec(ctx, `UPDATE number_holdings SET ended_at = $1 WHERE number_id = $2 AND ended_at IS NULL`,
		s.store.Now(), row.ID)
	if err != nil {
		return err
	}
	return s.store.Below(ctx, inTenant(sc, row), func(ctx context.Context) error {
		return s.releaseChannel(ctx, row.ID, force)
	})
}

// releaseChannel ends the channel that a number is. The lock on the channel
// waits for whoever is writing a message through it, and keeps others from
// beginning to: they find the channel released.
func (s *Service) releaseChannel(ctx context.Context, numberID uuid.UUID, force bool) error {
	held, err := s.store.Ent(ctx).Channel.Query().
		Where(channel.NumberID(numberID), channel.StatusNEQ(channel.StatusReleased)).ForUpdate().Only(ctx)
	if err != nil {
		return err
	}
	if force {
		err = s.talks.EndOn(ctx, held.ID, Reassigned)
	} else {
		err = s.nothingOpen(ctx, held.ID)
	}
	if err != nil {
		return err
	}
	if err := held.Update().SetStatus(channel.StatusReleased).ClearDueAt().Exec(ctx); err != nil {
		return err
	}
	return s.events.Publish(ctx, "channel.released", "channel", held.ID, map[string]any{"number_id": numberID})
}

func (s *Service) nothingOpen(ctx context.Context, channelID uuid.UUID) error {
	open, err := s.talks.OpenOn(ctx, channelID)
	if err != nil || open == 0 {
		return err
	}
	return fault.New(fault.Conflict, fault.CodeInteractionsOpen,
		"%d interactions on the number are not closed.", open).Showing("interactions_open").Holding(open)
}

// begin opens a holding and its channel, inside the new holder's tenant.
func (s *Service) begin(ctx context.Context, row *ent.Number, cause string) error {
	sc, err := scope.From(ctx)
	if err != nil {
		return err
	}
	if err := hold(ctx, sc, row.ID, hop{node{row.HolderID, row.HolderPath}, cause}, s.store.Now(), nil); err != nil {
		return err
	}
	return s.store.Below(ctx, inTenant(sc, row), func(ctx context.Context) error {
		create := s.store.Ent(ctx).Channel.Create().SetKind(channel.KindSms).
			SetProvider(row.Provider).SetName(row.Address).SetAddress(row.Address).SetNumberID(row.ID).
			SetBlocked(row.Status == number.StatusInactive)
		if _, ok := s.adapters[provider.Name(row.Provider)].(provider.InboundLister); ok {
			create.SetDueAt(s.store.Now()).SetInboundCheckedAt(s.store.Now())
		}
		held, err := create.Save(ctx)
		if err != nil {
			return err
		}
		return s.events.Publish(ctx, "channel.created", "channel", held.ID, map[string]any{"number_id": row.ID})
	})
}

// inTenant is the scope of the number's holder, with the same actor.
func inTenant(sc scope.Scope, row *ent.Number) scope.Scope {
	sc.TenantID, sc.Path = row.HolderID, row.HolderPath
	return sc
}
