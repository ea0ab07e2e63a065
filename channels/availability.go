package channels

import (
	"context"
	"encoding/json"

	entsql "entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/channel"
	"github.com/trellishq/trellis/ent/predicate"
	"github.com/trellishq/trellis/ent/user"
	"github.com/trellishq/trellis/events"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants/scope"
)

// Viewer is who looks at channels.
type Viewer struct {
	UserID uuid.UUID
	// Narrow viewers, agents and users, see the channels that were made available
	// to them.
	Narrow bool
}

// available keeps to the channels that a viewer may choose: a user's own number
// is his alone, and a restricted channel is for its members.
func (v Viewer) available() predicate.Channel {
	if !v.Narrow {
		return func(*entsql.Selector) {}
	}
	member := func(s *entsql.Selector) {
		s.Where(entsql.P(func(b *entsql.Builder) {
			b.WriteString("EXISTS (SELECT FROM channel_members m WHERE m.tenant_id = " + s.C(channel.FieldTenantID) +
				" AND m.channel_id = " + s.C(channel.FieldID) + " AND m.user_id = ").Arg(v.UserID).WriteString(")")
		}))
	}
	return channel.Or(
		channel.And(channel.DestinationTypeEQ(channel.DestinationTypeUser), channel.DestinationUserID(v.UserID)),
		channel.And(channel.DestinationTypeNEQ(channel.DestinationTypeUser), channel.Restricted(false)),
		channel.And(channel.DestinationTypeNEQ(channel.DestinationTypeUser), member),
	)
}

// GetFor is Get for a viewer: what is not available to him is not there.
func (s *Service) GetFor(ctx context.Context, v Viewer, channelID uuid.UUID) (Channel, error) {
	var out Channel
	err := s.store.Read(ctx, func(ctx context.Context) error {
		row, err := s.store.Ent(ctx).Channel.Query().Where(channel.ID(channelID), v.available()).Only(ctx)
		if ent.IsNotFound(err) {
			return fault.Missing("channel")
		}
		if err == nil {
			out = s.view(row)
		}
		return err
	})
	return out, err
}

// AvailableIDs are the channels that a viewer may choose, in the running
// transaction; those that were released are not among them.
func (s *Service) AvailableIDs(ctx context.Context, v Viewer) ([]uuid.UUID, error) {
	return s.store.Ent(ctx).Channel.Query().Where(channel.StatusNEQ(channel.StatusReleased), v.available()).IDs(ctx)
}

// Availability says who may choose a channel for sending.
type Availability struct {
	// Restricted is false where everybody may who may send at all.
	Restricted bool
	UserIDs    []uuid.UUID
}

// Availability returns who may choose a channel. Faults: CodeNotFound.
func (s *Service) Availability(ctx context.Context, channelID uuid.UUID) (Availability, error) {
	var out Availability
	err := s.store.Read(ctx, func(ctx context.Context) error {
		row, err := s.load(ctx, channelID)
		if err != nil {
			return err
		}
		out, err = availability(ctx, row)
		return err
	})
	return out, err
}

func availability(ctx context.Context, row *ent.Channel) (out Availability, err error) {
	out.Restricted = row.Restricted
	rows, err := store.Query(ctx, `SELECT user_id FROM channel_members WHERE channel_id = $1 ORDER BY user_id`, row.ID)
	if err != nil {
		return out, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var member uuid.UUID
		if err := rows.Scan(&member); err != nil {
			return out, err
		}
		out.UserIDs = append(out.UserIDs, member)
	}
	return out, rows.Err()
}

// SetAvailability says who may choose a channel from now on. Administrators and
// managers see all channels whatever it says. Faults: CodeNotFound, for somebody
// who is no user of the tenant as well, CodeWrongState for a released channel.
func (s *Service) SetAvailability(ctx context.Context, channelID uuid.UUID, a Availability) (Availability, error) {
	var out Availability
	err := s.store.InTx(ctx, func(ctx context.Context) error {
		row, err := s.store.Ent(ctx).Channel.Query().Where(channel.ID(channelID)).ForUpdate().Only(ctx)
		if ent.IsNotFound(err) {
			return fault.Missing("channel")
		}
		if err != nil {
			return err
		}
		if row.Status == channel.StatusReleased {
			return moved(row)
		}
		if err := s.areUsers(ctx, a.UserIDs); err != nil {
			return err
		}
		before, err := availability(ctx, row)
		if err != nil {
			return err
		}
		if row, err = s.replaceMembers(ctx, row, a); err != nil {
			return err
		}
		if out, err = availability(ctx, row); err != nil {
			return err
		}
		return s.events.Publish(ctx, "channel.members_changed", "channel", row.ID,
			events.Change{Data: out.audited(), Before: before.audited(), After: out.audited()})
	})
	return out, err
}

func (a Availability) audited() map[string]any {
	return map[string]any{"restricted": a.Restricted, "user_ids": a.UserIDs}
}

func moved(row *ent.Channel) error {
	return fault.New(fault.Conflict, fault.CodeWrongState, "The number has moved on to another holder.").Showing(string(row.Status))
}

func (s *Service) areUsers(ctx context.Context, userIDs []uuid.UUID) error {
	known, err := s.store.Ent(ctx).User.Query().Where(user.IDIn(userIDs...)).IDs(ctx)
	if err != nil {
		return err
	}
	found := map[uuid.UUID]bool{}
	for _, userID := range known {
		found[userID] = true
	}
	for _, userID := range userIDs {
		if !found[userID] {
			return fault.InvalidField(fault.CodeNotFound, "body.user_ids", "names somebody who is no user of this tenant", userID.String())
		}
	}
	return nil
}

func (s *Service) replaceMembers(ctx context.Context, row *ent.Channel, a Availability) (*ent.Channel, error) {
	sc, err := scope.From(ctx)
	if err != nil {
		return nil, err
	}
	list, err := json.Marshal(append([]uuid.UUID{}, a.UserIDs...))
	if err != nil {
		return nil, err
	}
	_, err = store.Exec(ctx, `
		DELETE FROM channel_members WHERE tenant_id = $1 AND channel_id = $2
		AND user_id NOT IN (SELECT value::uuid FROM jsonb_array_elements_text($3::jsonb))`, sc.TenantID, row.ID, string(list))
	if err != nil {
		return nil, err
	}
	_, err = store.Exec(ctx, `
		INSERT INTO channel_members (tenant_id, channel_id, user_id, created_at)
		SELECT DISTINCT $1::uuid, $2::uuid, value::uuid, $4::timestamptz FROM jsonb_array_elements_text($3::jsonb)
		ON CONFLICT (tenant_id, channel_id, user_id) DO NOTHING`, sc.TenantID, row.ID, string(list), s.store.Now())
	if err != nil {
		return nil, err
	}
	return row.Update().SetRestricted(a.Restricted).Save(ctx)
}
