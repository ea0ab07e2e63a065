package audit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/trellishq/trellis/internal/telemetry"
)

// hidden stands where a secret was. Views hold none; this is the second wall.
const hidden = "•••"

// maxText is how much of one text is kept, in bytes.
const maxText = 2000

// diff compares two views of an object, field by field; fields inside of fields
// are named with dots. Lists are compared as a whole.
func diff(before, after any) (json.RawMessage, error) {
	from, err := fieldsOf(before)
	if err != nil {
		return nil, err
	}
	to, err := fieldsOf(after)
	if err != nil {
		return nil, err
	}
	changes := []Change{}
	names := maps.Clone(from)
	maps.Copy(names, to)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		old, present := orNull(from[name]), orNull(to[name])
		if bytes.Equal(old, present) {
			continue
		}
		change := Change{Field: name}
		if change.Before, err = clean(name, old); err != nil {
			return nil, err
		}
		if change.After, err = clean(name, present); err != nil {
			return nil, err
		}
		changes = append(changes, change)
	}
	return json.Marshal(changes)
}

func orNull(value json.RawMessage) json.RawMessage {
	if value == nil {
		return json.RawMessage("null")
	}
	return value
}

// bookkeeping are fields that change by themselves, or never.
var bookkeeping = map[string]bool{
	"id": true, "tenant_id": true, "created_at": true, "updated_at": true, "version": true, "edges": true, "due_at": true,
	"path": true, "holder_path": true, "suspended_by_path": true, // they say who stands above
}

// fieldsOf takes a view apart: a struct by its exported fields, under the names
// that they have in JSON, or whatever becomes an object in JSON. What a struct
// keeps out of JSON stays out: secrets.
func fieldsOf(view any) (map[string]json.RawMessage, error) {
	fields := map[string]json.RawMessage{}
	v := reflect.ValueOf(view)
	for v.Kind() == reflect.Pointer && !v.IsNil() {
		v = v.Elem()
	}
	if v.Kind() == reflect.Struct {
		return fields, fieldsOfStruct(fields, v)
	}
	encoded, err := json.Marshal(view)
	if err != nil {
		return nil, fmt.Errorf("audit: a view: %w", err)
	}
	return fields, flatten(fields, "", encoded)
}

// fieldsOfStruct does not leave out fields for being empty: from false to true
// is another change than from nothing to true.
func fieldsOfStruct(into map[string]json.RawMessage, v reflect.Value) error {
	for _, field := range reflect.VisibleFields(v.Type()) {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if !field.IsExported() || field.Anonymous || name == "-" || bookkeeping[name] {
			continue
		}
		if name == "" {
			name = field.Name
		}
		inner, err := v.FieldByIndexErr(field.Index)
		if err != nil {
			continue // inside of an embedded pointer that is nil
		}
		encoded, err := json.Marshal(inner.Interface())
		if err != nil {
			return fmt.Errorf("audit: %s: %w", name, err)
		}
		if err := flatten(into, "", []byte(`{"`+name+`":`+string(encoded)+`}`)); err != nil {
			return err
		}
	}
	return nil
}

func flatten(into map[string]json.RawMessage, prefix string, encoded json.RawMessage) error {
	if bytes.Equal(encoded, []byte("null")) {
		return nil
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(encoded, &fields); err != nil {
		return fmt.Errorf("audit: a view is no object: %w", err)
	}
	for name, value := range fields {
		if value[0] == '{' && string(value) != "{}" {
			if err := flatten(into, prefix+name+".", value); err != nil {
				return err
			}
			continue
		}
		into[prefix+name] = value
	}
	return nil
}

// clean takes secrets out of a value and shortens what is long.
func clean(name string, encoded json.RawMessage) (json.RawMessage, error) {
	decoder := json.NewDecoder(bytes.NewReader(encoded))
	decoder.UseNumber() // a number stays as it was written
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, fmt.Errorf("audit: %s: %w", name, err)
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(cleanValue(name, value)); err != nil {
		return nil, fmt.Errorf("audit: %s: %w", name, err)
	}
	return bytes.TrimSpace(out.Bytes()), nil
}

func cleanValue(name string, value any) any {
	switch value := value.(type) {
	case string:
		return cleanText(name, value)
	case []any:
		if isSecret(name) {
			return hidden
		}
		for i := range value {
			value[i] = cleanValue("", value[i])
		}
	case map[string]any:
		if isSecret(name) {
			return hidden
		}
		for inner := range value {
			value[inner] = cleanValue(inner, value[inner])
		}
	}
	return value // numbers and booleans are no secrets
}

func cleanText(name, text string) string {
	if text == "" {
		return text
	}
	if isSecret(name) || looksSecret.MatchString(text) {
		return hidden
	}
	if len(text) <= maxText {
		return text
	}
	cut := maxText
	for !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "…"
}

// tellings are the endings of names that tell something about a secret and not
// the secret: when it was changed, by what one recognises it.
var tellings = []string{"_at", "_hint", "_id", "_ids"}

// isSecret judges a field by its name and those that it is inside of.
func isSecret(path string) bool {
	for name := range strings.SplitSeq(path, ".") {
		tells := slices.ContainsFunc(tellings, func(ending string) bool { return strings.HasSuffix(name, ending) })
		if !tells && (telemetry.NamesSecret(name) || name == "hash" || name == "nonce") {
			return true
		}
	}
	return false
}

// looksSecret are the forms of what the program itself hands out: API keys and
// refresh tokens, and JSON web tokens.
var looksSecret = regexp.MustCompile(`trl_[a-z]+_[0-9A-Za-z]{16,}|eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}`)
