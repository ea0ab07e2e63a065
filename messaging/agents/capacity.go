package agents

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent/channel"
	"github.com/trellishq/trellis/ent/user"
	"github.com/trellishq/trellis/events"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants/scope"
)

// Kind is a kind of channel, as far as it weighs on people.
type Kind = channel.Kind

// Kinds lists the kinds of channels that there are.
func Kinds() []Kind { return []Kind{channel.KindSms} }

// Weight says what conversations over a kind of channel take of an agent.
type Weight struct {
	// Units are taken by each that waits for the agent or is under way, Resting
	// by each that waits for the customer.
	Units   int `json:"units"`
	Resting int `json:"resting"`
	// Max is how many of the kind somebody has at once, whatever they weigh.
	Max int `json:"max"`
}

// Settings are how a tenant measures work.
type Settings struct {
	// MaxUnits is how much an agent has at once over all his queues.
	MaxUnits int
	// Channels has every kind.
	Channels     map[Kind]Weight
	DefaultPause int
	Version      int
	UpdatedAt    *time.Time
}

// usual holds until a tenant says otherwise: ten conversations of one unit.
func usual() Settings {
	s := Settings{MaxUnits: 10, DefaultPause: firstPause, Channels: map[Kind]Weight{}, Version: 1}
	for _, kind := range Kinds() {
		s.Channels[kind] = Weight{Units: 1, Resting: 1, Max: 10}
	}
	return s
}

// Bounds of what can be set.
const (
	MostUnits         = 10_000
	MostConversations = 1_000
)

// Settings returns how the tenant measures work.
func (s *Service) Settings(ctx context.Context) (Settings, error) {
	var out Settings
	err := s.store.Read(ctx, func(ctx context.Context) (err error) {
		out, err = s.settings(ctx)
		return err
	})
	return out, err
}

func (s *Service) settings(ctx context.Context) (Settings, error) {
	sc, err := scope.From(ctx)
	if err != nil {
		return Settings{}, err
	}
	out := usual()
	var (
		channels []byte
		at       time.Time
	)
	err = store.QueryRow(ctx, []any{&out.MaxUnits, &channels, &out.DefaultPause, &out.Version, &at},
		`SELECT max_units, channels, default_pause, version, updated_at FROM agent_settings WHERE tenant_id = $1`, sc.TenantID)
	switch {
	case store.IsNotFound(err):
		return out, nil
	case err != nil:
		return Settings{}, err
	}
	out.UpdatedAt = &at
	// A kind that is newer than the row keeps its usual weight.
	return out, json.Unmarshal(channels, &out.Channels)
}

// WeightChange changes what is not nil.
type WeightChange struct {
	Kind                Kind
	Units, Resting, Max *int
}

// SettingsChange changes what is not nil.
type SettingsChange struct {
	MaxUnits *int
	Channels []WeightChange
}

// ChangeSettings changes how the tenant measures work, if its version passes the
// check. Whoever has too much by the new measure keeps it. Faults: those of the
// check.
func (s *Service) ChangeSettings(ctx context.Context, c SettingsChange, check func(version int64) error) (Settings, error) {
	var out Settings
	err := s.store.InTx(ctx, func(ctx context.Context) error {
		present, err := s.settings(ctx)
		if err != nil {
			return err
		}
		if err := check(int64(present.Version)); err != nil {
			return err
		}
		out, err = s.changeSettings(ctx, func(next *Settings) error {
			if c.MaxUnits != nil {
				next.MaxUnits = *c.MaxUnits
			}
			for _, w := range c.Channels {
				next.Channels[w.Kind] = w.applyTo(next.Channels[w.Kind])
			}
			return nil
		})
		if err != nil {
			return err
		}
		return s.capacityChanged(ctx, uuid.Nil)
	})
	return out, err
}

func (c WeightChange) applyTo(w Weight) Weight {
	for field, value := range map[*int]*int{&w.Units: c.Units, &w.Resting: c.Resting, &w.Max: c.Max} {
		if value != nil {
			*field = *value
		}
	}
	return w
}

// settingsAudited is what of the settings is compared before and after.
type settingsAudited struct {
	MaxUnits     int             `json:"max_units"`
	Channels     map[Kind]Weight `json:"channels"`
	DefaultPause int             `json:"default_pause"`
}

func (s Settings) audited() settingsAudited {
	return settingsAudited{s.MaxUnits, maps.Clone(s.Channels), s.DefaultPause}
}

func (a settingsAudited) is(b settingsAudited) bool {
	return a.MaxUnits == b.MaxUnits && a.DefaultPause == b.DefaultPause && maps.Equal(a.Channels, b.Channels)
}

// changeSettings locks the settings, changes them and says so.
func (s *Service) changeSettings(ctx context.Context, change func(*Settings) error) (Settings, error) {
	sc, err := scope.From(ctx)
	if err != nil {
		return Settings{}, err
	}
	if err := s.lockSettings(ctx, sc.TenantID); err != nil {
		return Settings{}, err
	}
	next, err := s.settings(ctx)
	if err != nil {
		return Settings{}, err
	}
	before := next.audited()
	if err := change(&next); err != nil || next.audited().is(before) {
		return next, err
	}
	channels, err := json.Marshal(next.Channels)
	if err != nil {
		return Settings{}, err
	}
	now := s.store.Now()
	_, err = store.Exec(ctx, `UPDATE agent_settings SET max_units = $2, channels = $3, default_pause = $4, version = version + 1, updated_at = $5
		WHERE tenant_id = $1`, sc.TenantID, next.MaxUnits, string(channels), next.DefaultPause, now)
	if err != nil {
		return Settings{}, err
	}
	next.Version, next.UpdatedAt = next.Version+1, &now
	return next, s.events.Publish(ctx, "agent_settings.updated", "agent_settings", sc.TenantID,
		events.Change{Data: next.audited(), Before: before, After: next.audited()})
}

// lockSettings sees to it that there is a row, and locks it.
func (s *Service) lockSettings(ctx context.Context, tenantID uuid.UUID) error {
	first := usual()
	if err := s.materialize(ctx, builtIn[first.DefaultPause-1], true); err != nil && !fault.Is(err, fault.CodeNotFound) {
		return err
	}
	channels, err := json.Marshal(first.Channels)
	if err != nil {
		return err
	}
	_, err = store.Exec(ctx, `
		INSERT INTO agent_settings (tenant_id, max_units, channels, default_pause, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $5)
		ON CONFLICT (tenant_id) DO NOTHING`, tenantID, first.MaxUnits, string(channels), first.DefaultPause, s.store.Now())
	if err != nil {
		return err
	}
	var version int
	return store.QueryRow(ctx, []any{&version}, `SELECT version FROM agent_settings WHERE tenant_id = $1 FOR UPDATE`, tenantID)
}

// Limits are what holds for one user in place of the tenant's settings, where it
// is not nil.
type Limits struct {
	MaxUnits *int
	// Max is how many conversations of a kind he has at once.
	Max map[Kind]int
}

// Capacity is how much one user can take.
type Capacity struct {
	UserID uuid.UUID
	Own    Limits
	// Holds is what holds for him.
	Holds     Settings
	Version   int
	UpdatedAt *time.Time
}

func (l Limits) over(s Settings) Settings {
	out := s
	out.Channels = maps.Clone(s.Channels)
	if l.MaxUnits != nil {
		out.MaxUnits = *l.MaxUnits
	}
	for kind, most := range l.Max {
		w := out.Channels[kind]
		w.Max = most
		out.Channels[kind] = w
	}
	return out
}

// Capacity returns how much a user of the tenant can take. Faults: CodeNotFound,
// for who is neither agent nor manager as well.
func (s *Service) Capacity(ctx context.Context, userID uuid.UUID) (Capacity, error) {
	var out Capacity
	err := s.store.Read(ctx, func(ctx context.Context) error {
		if err := s.isAgent(ctx, userID); err != nil {
			return err
		}
		all, err := s.capacities(ctx, []uuid.UUID{userID})
		out = all[userID]
		return err
	})
	return out, err
}

// isAgent refuses everybody but active agents and managers of the tenant.
func (s *Service) isAgent(ctx context.Context, userID uuid.UUID) error {
	there, err := s.store.Ent(ctx).User.Query().Where(user.ID(userID), user.StatusEQ(user.StatusActive),
		user.RoleIn(user.RoleAgent, user.RoleManager)).Exist(ctx)
	if err == nil && !there {
		err = fault.Missing("agent")
	}
	return err
}

// capacities reads what holds for users; it has all of them.
func (s *Service) capacities(ctx context.Context, userIDs []uuid.UUID) (map[uuid.UUID]Capacity, error) {
	sc, err := scope.From(ctx)
	if err != nil {
		return nil, err
	}
	settings, err := s.settings(ctx)
	if err != nil {
		return nil, err
	}
	out := make(map[uuid.UUID]Capacity, len(userIDs))
	for _, userID := range userIDs {
		out[userID] = Capacity{UserID: userID, Holds: settings, Version: 1}
	}
	list, err := jsonList(userIDs)
	if err != nil {
		return nil, err
	}
	return out, rowsOf(ctx, func(scan func(...any) error) error {
		var (
			c        Capacity
			channels []byte
			at       time.Time
		)
		err := scan(&c.UserID, &c.Own.MaxUnits, &channels, &c.Version, &at)
		if err = errors.Join(err, json.Unmarshal(channels, &c.Own.Max)); err != nil {
			return err
		}
		c.UpdatedAt, c.Holds = &at, c.Own.over(settings)
		out[c.UserID] = c
		return nil
	}, `SELECT user_id, max_units, channels, version, updated_at FROM agent_capacities
		WHERE tenant_id = $1 AND user_id IN (SELECT value::uuid FROM jsonb_array_elements_text($2::jsonb))`, sc.TenantID, list)
}

// LimitsChange changes a user's own limits: a field that is set to nil leads back
// to the tenant's.
type LimitsChange struct {
	SetMaxUnits bool
	MaxUnits    *int
	Max         map[Kind]*int
}

// capacityAudited is what of a user's limits is compared before and after.
type capacityAudited struct {
	MaxUnits *int         `json:"max_units"`
	Max      map[Kind]int `json:"max_conversations"`
}

// ChangeCapacity changes a user's own limits, if their version passes the check.
// Faults: those of the check, CodeNotFound.
func (s *Service) ChangeCapacity(ctx context.Context, userID uuid.UUID, c LimitsChange, check func(version int64) error) (Capacity, error) {
	var out Capacity
	err := s.store.InTx(ctx, func(ctx context.Context) error {
		if err := s.isAgent(ctx, userID); err != nil {
			return err
		}
		if err := s.lockCapacity(ctx, userID); err != nil {
			return err
		}
		present, err := s.Capacity(ctx, userID)
		if err != nil {
			return err
		}
		if err := check(int64(present.Version)); err != nil {
			return err
		}
		out = present
		next := c.applyTo(present.Own)
		if next.is(present.Own) {
			return nil
		}
		if err := s.putCapacity(ctx, userID, next); err != nil {
			return err
		}
		if out, err = s.Capacity(ctx, userID); err != nil {
			return err
		}
		if err := s.capacityChanged(ctx, userID); err != nil {
			return err
		}
		after := capacityAudited{out.Own.MaxUnits, out.Own.Max}
		return s.events.Publish(ctx, "agent.capacity_changed", "agent_capacity", userID, events.Change{
			Data: after, Before: capacityAudited{present.Own.MaxUnits, present.Own.Max}, After: after,
		})
	})
	return out, err
}

func (c LimitsChange) applyTo(l Limits) Limits {
	next := Limits{l.MaxUnits, maps.Clone(l.Max)}
	if next.Max == nil {
		next.Max = map[Kind]int{}
	}
	if c.SetMaxUnits {
		next.MaxUnits = c.MaxUnits
	}
	for kind, most := range c.Max {
		if delete(next.Max, kind); most != nil {
			next.Max[kind] = *most
		}
	}
	return next
}

func (l Limits) is(other Limits) bool {
	same := l.MaxUnits == other.MaxUnits || l.MaxUnits != nil && other.MaxUnits != nil && *l.MaxUnits == *other.MaxUnits
	return same && maps.Equal(l.Max, other.Max)
}

// lockCapacity lets one change of a user's limits happen at a time.
func (s *Service) lockCapacity(ctx context.Context, userID uuid.UUID) error {
	_, err := store.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended('agent_capacity:' || $1::text, 0))`, userID.String())
	return err
}

func (s *Service) putCapacity(ctx context.Context, userID uuid.UUID, l Limits) error {
	sc, err := scope.From(ctx)
	if err != nil {
		return err
	}
	channels, err := json.Marshal(l.Max)
	if err != nil {
		return err
	}
	_, err = store.Exec(ctx, `
		INSERT INTO agent_capacities (tenant_id, user_id, max_units, channels, version, created_at, updated_at) VALUES ($1, $2, $3, $4, 2, $5, $5)
		ON CONFLICT (tenant_id, user_id) DO UPDATE SET max_units = excluded.max_units, channels = excluded.channels,
			version = agent_capacities.version + 1, updated_at = excluded.updated_at`,
		sc.TenantID, userID, l.MaxUnits, string(channels), s.store.Now())
	return err
}

// capacityChanged has the queues looked at of those who may take more now: one
// user, or with the nil id everybody who is at work.
func (s *Service) capacityChanged(ctx context.Context, userID uuid.UUID) error {
	who := []uuid.UUID{userID}
	if userID == uuid.Nil {
		sc, err := scope.From(ctx)
		if err != nil {
			return err
		}
		who = who[:0]
		err = rowsOf(ctx, func(scan func(...any) error) error {
			var at uuid.UUID
			err := scan(&at)
			who = append(who, at)
			return err
		}, `SELECT DISTINCT ON (m.queue_id) m.user_id FROM queue_members m JOIN agent_sessions a
			ON a.tenant_id = m.tenant_id AND a.user_id = m.user_id AND a.ended_at IS NULL
			WHERE m.tenant_id = $1 ORDER BY m.queue_id, m.user_id`, sc.TenantID)
		if err != nil {
			return err
		}
		slices.SortFunc(who, func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) })
		who = slices.Compact(who)
	}
	for _, at := range who {
		if err := s.route(ctx, at); err != nil {
			return err
		}
	}
	return nil
}
