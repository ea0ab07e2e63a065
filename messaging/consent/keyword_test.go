package consent_test

import (
	"testing"

	"github.com/trellishq/trellis/messaging/consent"
)

func TestKeyword(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]consent.Action{
		"STOP": consent.Stop, " stop. ": consent.Stop, "Stop!": consent.Stop, "“STOP”": consent.Stop,
		"ARRÊT": consent.Stop, "arret": consent.Stop, "Désabonner": consent.Stop, "ＳＴＯＰ": consent.Stop,
		"STOP  ALL": consent.Stop, "opt-out": consent.Stop, "Opt Out": consent.Stop, "unsubscribe\n": consent.Stop,
		"START": consent.Start, "oui": consent.Start, "Yes.": consent.Start,
		"help": consent.Help, "AIDE": consent.Help, "info?": consent.Help,
		"STOP PLEASE": consent.None, "please stop calling": consent.None, "": consent.None, "...": consent.None,
		"stopp": consent.None, "I want to cancel my appointment": consent.None,
	} {
		if got := consent.Keyword(body); got != want {
			t.Errorf("Keyword(%q) = %q, want %q", body, got, want)
		}
	}
}

func FuzzKeyword(f *testing.F) {
	for _, s := range []string{"STOP", "ARRÊT", "\xff\xfe", "e\u0301"} {
		f.Add(s)
	}
	f.Fuzz(func(_ *testing.T, body string) { consent.Keyword(body) })
}
