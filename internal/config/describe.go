package config

import (
	"fmt"
	"reflect"
	"strings"
	"sync"

	"github.com/trellishq/trellis/internal/secret"
)

// Setting describes one environment variable.
type Setting struct {
	Name    string // with TRELLIS_ in front
	Default string // the value, or words where it depends; "" is empty
	Form    string // what is accepted
	Meaning string
	Secret  bool // its value is never shown

	field     string
	kind      reflect.Type
	check     string
	low, high string
}

// Describe lists all settings in the order in which they are documented.
func Describe() []Setting {
	return append([]Setting(nil), settings()...)
}

// settings reads the tags of Config.
var settings = sync.OnceValue(func() []Setting {
	var all []Setting
	config := reflect.TypeFor[Config]()
	for i := range config.NumField() {
		all = append(all, describeField(config.Field(i)))
	}
	return all
})

func describeField(f reflect.StructField) Setting {
	s := Setting{
		Name:    Prefix + f.Tag.Get("env"),
		Default: f.Tag.Get("envDefault"),
		Form:    f.Tag.Get("form"),
		Meaning: f.Tag.Get("meaning"),
		Secret:  f.Type == reflect.TypeFor[secret.String](),
		field:   f.Name,
		kind:    f.Type,
		check:   f.Tag.Get("check"),
		low:     f.Tag.Get("min"),
		high:    f.Tag.Get("max"),
	}
	if s.Default == "" {
		s.Default = f.Tag.Get("defaultText")
	}
	if s.Form == "" && s.low != "" {
		s.Form = fmt.Sprintf("%s to %s", s.low, s.high)
	}
	if s.Form == "" {
		s.Form = "text"
	}
	return s
}

func settingByName(name string) (Setting, bool) {
	for _, s := range settings() {
		if s.Name == name {
			return s, true
		}
	}
	return Setting{}, false
}

func settingByField(field string) Setting {
	for _, s := range settings() {
		if s.field == field {
			return s
		}
	}
	return Setting{Name: Prefix + "*"}
}

// suggestion is the remedy for an unknown name.
func suggestion(name string) string {
	nearest, least := "", 4 // further than three typos away is another word
	for _, s := range settings() {
		if d := distance(name, s.Name); d < least {
			nearest, least = s.Name, d
		}
	}
	if nearest != "" {
		return "did you mean " + nearest + "?"
	}
	return "remove it; `trellis doctor` lists the settings"
}

// distance counts the letters to insert, remove or replace (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if !strings.EqualFold(a[i:i+1], b[j:j+1]) {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
