package agents_test

import (
	"testing"

	"github.com/trellishq/trellis/messaging/agents"
)

// Every action in every state: what is not named here is refused.
//
// Covers: AGS-13
func TestEveryActionInEveryState(t *testing.T) {
	t.Parallel()
	want := map[agents.Action]map[agents.State]agents.State{
		agents.LogIn:       {agents.LoggedOff: agents.Available},
		agents.LogInPaused: {agents.LoggedOff: agents.Paused},
		agents.Pause:       {agents.Available: agents.Paused, agents.Paused: agents.Paused},
		agents.Resume:      {agents.Paused: agents.Available},
		agents.LogOff:      {agents.Available: agents.LoggedOff, agents.Paused: agents.LoggedOff},
		agents.Lapse:       {agents.Available: agents.LoggedOff, agents.Paused: agents.LoggedOff},
	}
	if len(want) != len(agents.Actions()) {
		t.Errorf("%d actions are tested, and there are %d", len(want), len(agents.Actions()))
	}
	for _, action := range agents.Actions() {
		for _, from := range agents.States() {
			to, ok := agents.Next(from, action)
			wanted, allowed := want[action][from]
			if to != wanted || ok != allowed {
				t.Errorf("%s from %s leads to %q (%t), want %q (%t)", action, from, to, ok, wanted, allowed)
			}
		}
	}
}

// What a candidate is told about himself follows from his numbers alone.
func TestWhoCanTakeOneMore(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		with agents.Candidate
		want agents.WhyNot
	}{
		"the last two units":    {agents.Candidate{State: agents.Available, Used: 8, Units: 2, Max: 12, MaxOpen: 9}, ""},
		"half a conversation":   {agents.Candidate{State: agents.Available, Used: 9, Units: 2, Max: 12, MaxOpen: 9}, agents.Full},
		"nothing weighs":        {agents.Candidate{State: agents.Available, Used: 5, Units: 0, Max: 5, MaxOpen: 9}, ""},
		"as many as he may":     {agents.Candidate{State: agents.Available, Units: 1, Max: 12, Open: 8, MaxOpen: 9}, agents.KindFull},
		"none of the kind":      {agents.Candidate{State: agents.Available, Units: 1, Max: 12, Open: -1, MaxOpen: 0}, agents.KindFull},
		"paused, full as well":  {agents.Candidate{State: agents.Paused, Used: 12, Units: 1, Max: 12, Open: 9, MaxOpen: 9}, agents.OnPause},
		"not there, and paused": {agents.Candidate{State: agents.LoggedOff}, agents.NotLoggedIn},
	} {
		// One is given, and then there is the question whether another fits.
		one := c.with
		one.Take(one.IdleSince)
		if one.Reason != c.want {
			t.Errorf("%s: %q, want %q", name, one.Reason, c.want)
		}
	}
}
