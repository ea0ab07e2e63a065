package interactions

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"time"

	"github.com/trellishq/trellis/events"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants"
	"github.com/trellishq/trellis/tenants/scope"
)

// Settings are how a tenant works with its conversations.
type Settings struct {
	UpdatedAt time.Time
	Version   int64
	// PauseReasons are why a conversation can be laid aside; the first is taken
	// where nobody says which. There is always one.
	PauseReasons []PauseReason
	// SubStatuses are what more can be said of a conversation that is not over.
	SubStatuses []SubStatus
	// CloseSolvedAfterHours is when a solved conversation is closed; 0 for never.
	CloseSolvedAfterHours int
	// WaitingAlertMinutes is when a customer has waited for long; 0 for never.
	WaitingAlertMinutes int
}

// PauseReason is a reason to lay a conversation aside. Interactions keep the
// key, so that a name can be changed.
type PauseReason struct {
	Key  string `json:"key"`
	Name string `json:"name"`
	// EndsWithMessage lets the customer's next message end the pause.
	EndsWithMessage bool `json:"ends_with_message"`
}

// SubStatus is what more can be said of a conversation.
type SubStatus struct {
	Key  string `json:"key"`
	Name string `json:"name"`
}

// defaultSettings are those of a tenant that has chosen none.
func defaultSettings() Settings {
	return Settings{
		PauseReasons: []PauseReason{{Key: "pause", Name: "Pause", EndsWithMessage: true}},
		SubStatuses:  []SubStatus{{Key: "pending", Name: "Pending"}},
	}
}

// Choice is a partial change of settings; nil fields stay as they are.
type Choice struct {
	PauseReasons          *[]PauseReason
	SubStatuses           *[]SubStatus
	CloseSolvedAfterHours *int
	WaitingAlertMinutes   *int
}

// Settings returns how the scope's tenant works with its conversations.
func (s *Service) Settings(ctx context.Context) (Settings, error) {
	var out Settings
	err := s.store.Read(ctx, func(ctx context.Context) (err error) {
		out, err = s.settings(ctx)
		return err
	})
	return out, err
}

// settings reads them in the running transaction.
func (s *Service) settings(ctx context.Context) (Settings, error) { return readSettings(ctx, "") }

// readSettings reads the settings of the scope's tenant, with a lock where it is
// given as a clause.
func readSettings(ctx context.Context, lock string) (Settings, error) {
	sc, err := scope.From(ctx)
	if err != nil {
		return Settings{}, err
	}
	out := defaultSettings()
	var reasons, states []byte
	err = store.QueryRow(ctx, []any{
		&reasons, &states, &out.CloseSolvedAfterHours, &out.WaitingAlertMinutes, &out.Version, &out.UpdatedAt,
	}, `SELECT pause_reasons, sub_statuses, close_solved_after_hours, waiting_alert_minutes, version, updated_at
		FROM inbox_settings WHERE tenant_id = $1`+lock, sc.TenantID)
	if store.IsNotFound(err) {
		return defaultSettings(), nil
	}
	if err != nil {
		return Settings{}, err
	}
	out.PauseReasons, out.SubStatuses = nil, nil
	if err := json.Unmarshal(reasons, &out.PauseReasons); err != nil {
		return Settings{}, fmt.Errorf("interactions: the reasons to pause: %w", err)
	}
	if err := json.Unmarshal(states, &out.SubStatuses); err != nil {
		return Settings{}, fmt.Errorf("interactions: the sub-statuses: %w", err)
	}
	return out, nil
}

// ChangeSettings changes how the tenant works with its conversations. What lies
// aside or has a sub-status keeps what it has. Faults: those of the check,
// CodeInvalid, CodeNameTaken.
func (s *Service) ChangeSettings(ctx context.Context, choice Choice, check func(version int64) error) (Settings, error) {
	var out Settings
	err := s.store.InTx(ctx, func(ctx context.Context) error {
		sc, err := scope.From(ctx)
		if err != nil {
			return err
		}
		before, err := readSettings(ctx, " FOR UPDATE")
		if err != nil {
			return err
		}
		if err := check(before.Version); err != nil {
			return err
		}
		if out, err = before.with(choice); err != nil {
			return err
		}
		out.Version, out.UpdatedAt = before.Version+1, s.store.Now()
		if err := s.writeSettings(ctx, sc, out); err != nil {
			return err
		}
		return s.events.Publish(ctx, "inbox_settings.updated", "tenant", sc.TenantID,
			events.Change{Before: before.audited(), After: out.audited()})
	})
	return out, err
}

// writeSettings keeps settings of a version; two first ones at once are one and
// a conflict.
func (s *Service) writeSettings(ctx context.Context, sc scope.Scope, next Settings) error {
	reasons, err := json.Marshal(append([]PauseReason{}, next.PauseReasons...))
	if err != nil {
		return err
	}
	states, err := json.Marshal(append([]SubStatus{}, next.SubStatuses...))
	if err != nil {
		return err
	}
	result, err := store.Exec(ctx, `
		INSERT INTO inbox_settings (tenant_id, pause_reasons, sub_statuses, close_solved_after_hours, waiting_alert_minutes, version, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (tenant_id) DO UPDATE SET pause_reasons = EXCLUDED.pause_reasons, sub_statuses = EXCLUDED.sub_statuses,
			close_solved_after_hours = EXCLUDED.close_solved_after_hours, waiting_alert_minutes = EXCLUDED.waiting_alert_minutes,
			version = EXCLUDED.version, updated_at = EXCLUDED.updated_at
		WHERE inbox_settings.version = EXCLUDED.version - 1`,
		sc.TenantID, string(reasons), string(states), next.CloseSolvedAfterHours, next.WaitingAlertMinutes, next.Version, next.UpdatedAt)
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n == 1 {
		return err
	}
	return fault.New(fault.Conflict, fault.CodeConflict, "Somebody else has changed the settings at the same moment; read them again.")
}

// audited is what of settings is compared before and after a change.
func (t Settings) audited() map[string]any {
	return map[string]any{
		"pause_reasons": t.PauseReasons, "sub_statuses": t.SubStatuses,
		"close_solved_after_hours": t.CloseSolvedAfterHours, "waiting_alert_minutes": t.WaitingAlertMinutes,
	}
}

// with returns the settings after a choice.
func (t Settings) with(choice Choice) (Settings, error) {
	if choice.PauseReasons != nil {
		t.PauseReasons = nil
		keys := map[string]bool{}
		for i, r := range *choice.PauseReasons {
			name, err := cleanItem(fmt.Sprintf("body.pause_reasons[%d]", i), r.Key, r.Name, keys)
			if err != nil {
				return Settings{}, err
			}
			t.PauseReasons = append(t.PauseReasons, PauseReason{r.Key, name, r.EndsWithMessage})
		}
		if len(t.PauseReasons) == 0 {
			return Settings{}, fault.InvalidField(fault.CodeInvalid, "body.pause_reasons", "must have one at least")
		}
	}
	if choice.SubStatuses != nil {
		t.SubStatuses = nil
		keys := map[string]bool{}
		for i, state := range *choice.SubStatuses {
			name, err := cleanItem(fmt.Sprintf("body.sub_statuses[%d]", i), state.Key, state.Name, keys)
			if err != nil {
				return Settings{}, err
			}
			t.SubStatuses = append(t.SubStatuses, SubStatus{state.Key, name})
		}
	}
	if choice.CloseSolvedAfterHours != nil {
		t.CloseSolvedAfterHours = *choice.CloseSolvedAfterHours
	}
	if choice.WaitingAlertMinutes != nil {
		t.WaitingAlertMinutes = *choice.WaitingAlertMinutes
	}
	return t, nil
}

// itemKey is what keys of lists are written with.
var itemKey = regexp.MustCompile(`^[a-z0-9_]{1,40}$`)

// cleanItem checks an item of a list at a location and returns its name as it
// is kept.
func cleanItem(at, key, name string, keys map[string]bool) (string, error) {
	if !itemKey.MatchString(key) {
		return "", fault.InvalidField(fault.CodeInvalid, at+".key", "must be of small letters, digits and _", key)
	}
	if keys[key] {
		return "", fault.InvalidField(fault.CodeInvalid, at+".key", "is in the list twice", key)
	}
	keys[key] = true
	return tenants.CleanName(at+".name", name)
}

// pauseReason finds a reason by its key; empty for the first.
func (t Settings) pauseReason(key string) (PauseReason, error) {
	for _, r := range t.PauseReasons {
		if key == "" || r.Key == key {
			return r, nil
		}
	}
	return PauseReason{}, fault.InvalidField(fault.CodeNotFound, "body.reason", "is not one of the tenant's reasons to pause", key)
}

// subStatusName finds a sub-status by its key; empty for none.
func (t Settings) subStatusName(key string) (string, error) {
	if key == "" {
		return "", nil
	}
	for _, state := range t.SubStatuses {
		if state.Key == key {
			return state.Name, nil
		}
	}
	return "", fault.InvalidField(fault.CodeNotFound, "body.sub_status", "is not one of the tenant's sub-statuses", key)
}
