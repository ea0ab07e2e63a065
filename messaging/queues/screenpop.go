package queues

import (
	"net/url"
	"strings"
	"unicode"

	"github.com/trellishq/trellis/internal/fault"
)

// maxScreenPop bounds the URL of a screen pop, in bytes.
const maxScreenPop = 2000

// Placeholders are the words between braces in the URL of a screen pop, in whose
// places stands what a conversation has there.
func Placeholders() []string {
	return []string{"interaction_id", "contact_id", "address", "channel_id", "queue_id"}
}

// ScreenPop fills the placeholders of a queue's URL. Values are escaped: an
// address begins with a plus sign, which would be a space in a query.
func ScreenPop(template string, values map[string]string) string {
	pairs := make([]string, 0, 2*len(Placeholders()))
	for _, name := range Placeholders() {
		pairs = append(pairs, "{"+name+"}", url.QueryEscape(values[name]))
	}
	return strings.NewReplacer(pairs...).Replace(template)
}

// checkScreenPop refuses what a browser of an agent should not be sent to: what
// is not https, and hosts that would depend on what a customer has written.
func checkScreenPop(template string) error {
	wrong := func(message string) error {
		return fault.InvalidField(fault.CodeInvalid, "body.screen_pop_url", message)
	}
	if len(template) > maxScreenPop || strings.ContainsFunc(template, func(r rune) bool { return unicode.IsSpace(r) || hidden(r) }) {
		return wrong("must be an address without spaces, of 2,000 characters at most")
	}
	filled := func(value string) string {
		values := map[string]string{}
		for _, name := range Placeholders() {
			values[name] = value
		}
		return ScreenPop(template, values)
	}
	if strings.ContainsAny(filled("x"), "{}") {
		return wrong("has a placeholder that is not known; there are {" + strings.Join(Placeholders(), "}, {") + "}")
	}
	u, err := url.Parse(filled("x"))
	if err != nil || u.Scheme != "https" || u.User != nil || u.Hostname() == "" {
		return wrong("must be an address that begins with https://")
	}
	if other, err := url.Parse(filled("y")); err != nil || other.Host != u.Host {
		return wrong("must have no placeholder in the name of its host")
	}
	return nil
}
