// Package consent keeps people's wish to be left alone. A wish that came in by
// SMS is recorded in the transaction that accepts the SMS, before anything
// else is done with it.
package consent

import (
	"strings"
	"unicode"

	"golang.org/x/text/runes"
	"golang.org/x/text/transform"
	"golang.org/x/text/unicode/norm"
)

// Action is what a keyword asks for.
type Action string

// The actions of keywords.
const (
	None Action = ""
	Stop Action = "stop"
	// Start ends an opt-out; without one it is an ordinary word.
	Start Action = "start"
	Help  Action = "help"
)

// keywords are the union of the carriers' and the regulators' sets, in English
// and French, after normalisation (rules A3-1 to A3-3).
var keywords = map[string]Action{
	"stop": Stop, "stopall": Stop, "stop all": Stop, "unsubscribe": Stop, "unsub": Stop, "cancel": Stop,
	"end": Stop, "quit": Stop, "revoke": Stop, "optout": Stop, "opt-out": Stop, "opt out": Stop, "remove": Stop,
	"arret": Stop, "arrete": Stop, "arrett": Stop, "desabonner": Stop,
	"start": Start, "yes": Start, "unstop": Start, "oui": Start,
	"help": Help, "info": Help, "aide": Help,
}

// maxKeyword is longer than any keyword with decoration; longer texts are
// ordinary messages and are not looked at.
const maxKeyword = 64

// Keyword tells what a whole message asks for. "STOP", " stop. " and "ARRÊT"
// are keywords, "stop please" is not.
func Keyword(body string) Action {
	if len(body) > maxKeyword {
		return None
	}
	return keywords[normalize(body)]
}

// normalize folds case, width, accents, decoration and spaces away (A3-4).
func normalize(body string) string {
	folded, _, err := transform.String(
		transform.Chain(norm.NFKD, runes.Remove(runes.In(unicode.Mn)), norm.NFC), body)
	if err != nil {
		return ""
	}
	folded = strings.TrimFunc(strings.ToLower(folded), func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsPunct(r) || unicode.IsSymbol(r)
	})
	return strings.Join(strings.Fields(folded), " ")
}
