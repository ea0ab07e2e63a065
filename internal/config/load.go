package config

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"

	"github.com/trellishq/trellis/internal/secret"
)

// Mistake is one wrong setting.
type Mistake struct {
	// Name is that of the environment variable.
	Name string
	// Wrong says what is wrong; it never shows the value of a secret.
	Wrong string
	// Remedy says what to do.
	Remedy string
}

// Mistakes is the error of Load: every wrong setting at once.
type Mistakes []Mistake

// Error implements error, one line a mistake.
func (m Mistakes) Error() string {
	var out strings.Builder
	out.WriteString("the settings have mistakes:")
	for _, mistake := range m {
		fmt.Fprintf(&out, "\n  %s: %s; %s", mistake.Name, mistake.Wrong, mistake.Remedy)
	}
	return out.String()
}

// Load reads the settings from lines of the form NAME=value, as os.Environ
// returns them. A variable that is empty or blank counts as not set. The error
// is of type Mistakes and tells all that is wrong, names that begin with
// TRELLIS_ and are no setting included.
func Load(environ []string) (Config, error) {
	given, mistakes := collect(environ)

	var c Config
	mistakes = append(mistakes, parse(&c, given)...)
	mistakes = append(mistakes, check(c, mistakes)...)
	if len(mistakes) == 0 {
		mistakes = checkTogether(c)
	}
	if len(mistakes) > 0 {
		return Config{}, inOrder(mistakes)
	}
	return c.withDefaults(), nil
}

// collect picks the settings out of the environment and reports unknown names.
func collect(environ []string) (map[string]string, Mistakes) {
	given := map[string]string{}
	unknown := map[string]bool{}
	for name, value := range env.ToMap(environ) {
		if !strings.HasPrefix(name, Prefix) {
			continue
		}
		if _, ok := settingByName(name); !ok {
			unknown[name] = true
		} else if value := strings.TrimSpace(value); value != "" {
			given[name] = value
		}
	}
	var mistakes Mistakes
	for _, name := range slices.Sorted(maps.Keys(unknown)) {
		mistakes = append(mistakes, Mistake{name, "there is no such setting", suggestion(name)})
	}
	return given, mistakes
}

// parse fills the struct. A value that cannot be read leaves its field alone.
func parse(c *Config, given map[string]string) Mistakes {
	err := env.ParseWithOptions(c, env.Options{
		Environment: given,
		Prefix:      Prefix,
		FuncMap: map[reflect.Type]env.ParserFunc{
			reflect.TypeFor[[]netip.Prefix](): func(v string) (any, error) { return parsePrefixes(v) },
			reflect.TypeFor[secret.String]():  func(v string) (any, error) { return secret.NewString(v), nil },
		},
	})
	if err == nil {
		return nil
	}
	var all env.AggregateError
	if !errors.As(err, &all) {
		return Mistakes{{Prefix + "*", err.Error(), "report this: it is a bug"}}
	}
	var mistakes Mistakes
	for _, err := range all.Errors {
		mistakes = append(mistakes, parseMistake(err, given))
	}
	return mistakes
}

func parseMistake(err error, given map[string]string) Mistake {
	var wrong env.ParseError
	if !errors.As(err, &wrong) {
		return Mistake{Prefix + "*", err.Error(), "report this: it is a bug"}
	}
	s := settingByField(wrong.Name)
	reason := wrong.Err.Error()
	switch s.kind {
	case reflect.TypeFor[int]():
		reason = fmt.Sprintf("%q is not a whole number", given[s.Name])
	case reflect.TypeFor[time.Duration]():
		reason = fmt.Sprintf("%q is not a duration", given[s.Name])
	}
	return Mistake{s.Name, reason, "set it to " + s.Form}
}

// check tests each value by itself, except those that could not be read.
func check(c Config, known Mistakes) Mistakes {
	unread := map[string]bool{}
	for _, mistake := range known {
		unread[mistake.Name] = true
	}
	var mistakes Mistakes
	values := reflect.ValueOf(c)
	for _, s := range settings() {
		if unread[s.Name] {
			continue
		}
		if err := checkValue(s, values.FieldByName(s.field).Interface()); err != nil {
			mistakes = append(mistakes, Mistake{s.Name, err.Error(), "set it to " + s.Form})
		}
	}
	return mistakes
}

func checkValue(s Setting, value any) error {
	switch value := value.(type) {
	case int:
		low, _ := strconv.Atoi(s.low)
		high, _ := strconv.Atoi(s.high)
		return within(value, low, high)
	case time.Duration:
		low, _ := time.ParseDuration(s.low)
		high, _ := time.ParseDuration(s.high)
		return within(value, low, high)
	case string:
		return checkText(s.check, value)
	case secret.String:
		return checkText(s.check, value.Reveal())
	}
	return nil
}

func within[N int | time.Duration](value, low, high N) error {
	switch {
	case value < low:
		return fmt.Errorf("%v is too small", value)
	case value > high:
		return fmt.Errorf("%v is too large", value)
	}
	return nil
}

func checkText(name, value string) error {
	if name == "" || value == "" {
		return nil
	}
	return checks[name](value)
}

// checkTogether finds settings that contradict each other.
func checkTogether(c Config) Mistakes {
	var mistakes Mistakes
	wrong := func(name, wrong, remedy string) {
		mistakes = append(mistakes, Mistake{Prefix + name, wrong, remedy})
	}
	app, system := c.DatabaseAppURL.IsSet(), c.DatabaseSystemURL.IsSet()
	switch {
	case app && !system:
		wrong("DATABASE_SYSTEM_URL", "it is missing while TRELLIS_DATABASE_APP_URL is set", "set both or none")
	case system && !app:
		wrong("DATABASE_APP_URL", "it is missing while TRELLIS_DATABASE_SYSTEM_URL is set", "set both or none")
	}
	if (app || system) && c.OwnDatabase() {
		wrong("DATABASE_URL", "it is missing while runtime logins are set", "set it to the same database as its owner, or unset the runtime logins to use the own database")
	}
	if !c.OwnDatabase() && !c.MasterKeys.IsSet() {
		s, _ := settingByName(Prefix + "MASTER_KEYS")
		wrong("MASTER_KEYS", "it is missing and TRELLIS_DATABASE_URL is set", "set it to "+s.Form)
	}
	if c.SMTPURL.IsSet() && c.MailFrom == "" {
		s, _ := settingByName(Prefix + "MAIL_FROM")
		wrong("MAIL_FROM", "it is missing and TRELLIS_SMTP_URL is set", "set it to "+s.Form)
	}
	return mistakes
}

// inOrder sorts mistakes as the settings are listed, unknown names last.
func inOrder(mistakes Mistakes) Mistakes {
	place := map[string]int{}
	for i, s := range settings() {
		place[s.Name] = i - len(settings())
	}
	slices.SortStableFunc(mistakes, func(a, b Mistake) int { return place[a.Name] - place[b.Name] })
	return mistakes
}

// Level returns LogLevel for a logger.
func (c Config) Level() slog.Level {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.LogLevel)) // Load has checked it
	return level
}
