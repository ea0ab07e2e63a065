package op

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"
)

// Types that the checks treat on their own.
var (
	uuidType     = reflect.TypeFor[uuid.UUID]()
	timeType     = reflect.TypeFor[time.Time]()
	optionalType = reflect.TypeFor[interface{ isOptional() }]()
)

func bodyKindOf[I any]() bodyKind {
	switch any(new(I)).(type) {
	case uploader:
		return bodyUpload
	case rawReceiver:
		return bodyRaw
	}
	if t := reflect.TypeFor[I](); t.Kind() == reflect.Struct {
		if _, ok := t.FieldByName("Body"); ok {
			return bodyJSON
		}
	}
	return bodyNone
}

// checkTypes finds tags that huma would read otherwise than their author.
func checkTypes[I, O any]() error {
	in, out := reflect.TypeFor[I](), reflect.TypeFor[O]()
	if in.Kind() != reflect.Struct || out.Kind() != reflect.Struct {
		return errors.New("input and output must be structs")
	}
	var errs []error
	for _, f := range allFields(in) {
		if f.Tag.Get("path")+f.Tag.Get("query")+f.Tag.Get("header") != "" {
			errs = append(errs, checkParam(f))
		}
	}
	if f, ok := in.FieldByName("RawBody"); ok {
		errs = append(errs, fmt.Errorf("%s has no limit in huma; embed op.Raw or op.Upload", f.Name))
	}
	for name, t := range map[string]reflect.Type{"request body": in, "response body": out} {
		if f, ok := t.FieldByName("Body"); ok {
			errs = append(errs, checkFields(name, f.Type, nil)...)
		}
	}
	return errors.Join(errs...)
}

// allFields flattens embedded structs. Unlike reflect.VisibleFields it keeps a
// field whose name is also its struct's, as in ETag.
func allFields(t reflect.Type) []reflect.StructField {
	var all []reflect.StructField
	for i := range t.NumField() {
		f := t.Field(i)
		switch {
		case f.Anonymous && f.Type.Kind() == reflect.Struct && f.Tag.Get("json") == "":
			for _, inner := range allFields(f.Type) {
				inner.Index = append([]int{i}, inner.Index...)
				all = append(all, inner)
			}
		case f.IsExported():
			all = append(all, f)
		}
	}
	return all
}

func checkParam(f reflect.StructField) error {
	query, explode, _ := strings.Cut(f.Tag.Get("query"), ",")
	switch f.Type.Kind() {
	case reflect.Int8, reflect.Int16, reflect.Int32, reflect.Uint8, reflect.Uint16, reflect.Uint32:
		return fmt.Errorf("%s: huma cuts off small integers; use int or int64", f.Name)
	case reflect.Slice:
		if query == "" || explode != "explode" {
			return fmt.Errorf("%s: lists are repeated query parameters; write query:\"name,explode\"", f.Name)
		}
		if k := f.Type.Elem().Kind(); k != reflect.String && k != reflect.Int {
			return fmt.Errorf("%s: huma cannot read a list of %s", f.Name, f.Type.Elem())
		}
	}
	return nil
}

// checkFields walks the fields of a body.
func checkFields(path string, t reflect.Type, above []reflect.Type) []error {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || t == timeType || slices.Contains(above, t) || t.Implements(optionalType) {
		return nil
	}
	var errs []error
	for _, f := range allFields(t) {
		at := path + "." + f.Name
		errs = append(errs, checkField(at, f))
		errs = append(errs, checkFields(at, f.Type, append(above, t))...)
	}
	return errs
}

func checkField(at string, f reflect.StructField) error {
	json := f.Tag.Get("json")
	leftOut := strings.Contains(json, "omitempty") || strings.Contains(json, "omitzero")
	pointer := f.Type.Kind() == reflect.Pointer
	switch {
	case json == "":
		return fmt.Errorf("%s: has no json name", at)
	case f.Tag.Get("default") != "" && !pointer:
		return fmt.Errorf("%s: a default would overwrite an explicit zero; use a pointer", at)
	case f.Type.Implements(optionalType) && !strings.Contains(json, "omitzero"):
		return fmt.Errorf("%s: an Optional needs omitzero, or it would be required", at)
	case pointer && f.Type.Elem() == uuidType && !leftOut && f.Tag.Get("nullable") != "true":
		return fmt.Errorf("%s: a pointer to an id needs nullable:\"true\" or omitempty", at)
	case pointer && f.Type.Elem().Kind() == reflect.Struct && f.Type.Elem() != timeType && !leftOut:
		return fmt.Errorf("%s: a pointer to an object needs omitempty; objects are never null", at)
	}
	return nil
}

// formats completes strings of a known format, so that fields need not repeat
// what follows from it.
var formats = map[string]struct {
	maxLength int
	pattern   string
	example   string
}{
	"uuid":          {36, "", "0197b1f0-1c2a-7d3e-8f4a-5b6c7d8e9f00"},
	"date-time":     {35, "", "2026-03-01T09:30:00Z"},
	"date":          {10, "", "2026-03-01"},
	"time":          {14, "", "09:30:00"},
	"email":         {254, `^[^\s<>@"]+@[^\s<>@"]+$`, "ada@example.com"},
	"uri":           {2048, "", "https://example.com/path"},
	"uri-reference": {2048, "", "/path"},
	"ip":            {45, "", "192.0.2.1"},
	"binary":        {0, "", ""},
}

// plainText keeps out the one character that PostgreSQL cannot store.
const plainText = `^[^\x00]*$`

// inspection completes schemas and collects what only their author can add.
type inspection struct {
	s       *Surface
	missing []string
}

func (i *inspection) lacks(path, what string) { i.missing = append(i.missing, path+": "+what) }

func (i *inspection) err() error {
	if len(i.missing) == 0 {
		return nil
	}
	slices.Sort(i.missing)
	return errors.New(strings.Join(slices.Compact(i.missing), "\n"))
}

// field inspects a schema that has a name.
func (i *inspection) field(path string, s *huma.Schema) {
	if s.Description == "" {
		i.lacks(path, "needs doc")
	}
	if s.WriteOnly || s.Format == "password" {
		i.s.secrets[path[strings.LastIndexByte(path, '.')+1:]] = true
	}
	i.schema(path, s)
	if !i.hasExample(s) {
		i.lacks(path, "needs example")
	}
}

func (i *inspection) schema(path string, s *huma.Schema) {
	if s.Ref != "" {
		i.component(s.Ref)
		return
	}
	switch s.Type {
	case huma.TypeString:
		i.text(path, s)
	case huma.TypeInteger, huma.TypeNumber:
		i.number(path, s)
	case huma.TypeArray:
		if s.MaxItems == nil {
			i.lacks(path, "needs maxItems")
		}
		i.schema(path+"[]", s.Items)
	case huma.TypeObject:
		i.object(path, s)
	case huma.TypeBoolean:
		s.Examples = orExample(s.Examples, true)
	}
	s.PrecomputeMessages()
}

// component inspects a shared schema, once for the whole document.
func (i *inspection) component(ref string) {
	if i.s.inspected[ref] {
		return
	}
	i.s.inspected[ref] = true
	before := len(i.missing)
	i.schema(ref[strings.LastIndexByte(ref, '/')+1:], i.s.api.OpenAPI().Components.Schemas.SchemaFromRef(ref))
	if len(i.missing) > before {
		delete(i.s.inspected, ref)
	}
}

func (i *inspection) object(path string, s *huma.Schema) {
	for name, property := range s.Properties {
		i.field(path+"."+name, property)
	}
	if values, ok := s.AdditionalProperties.(*huma.Schema); ok {
		if s.MaxProperties == nil {
			i.lacks(path, "needs maxProperties")
		}
		i.schema(path+".*", values)
	}
}

func (i *inspection) text(path string, s *huma.Schema) {
	if len(s.Enum) > 0 {
		s.Examples = orExample(s.Examples, s.Enum[0])
		return
	}
	if known, ok := formats[s.Format]; ok {
		if s.MaxLength == nil && known.maxLength > 0 {
			s.MaxLength = &known.maxLength
		}
		if s.Pattern == "" {
			s.Pattern = known.pattern
		}
		if known.example != "" {
			s.Examples = orExample(s.Examples, known.example)
		}
	}
	if s.MaxLength == nil {
		i.lacks(path, "needs maxLength, a known format or enum")
	}
	if s.Format == "" && s.Pattern == "" {
		s.Pattern = plainText
	}
	i.checkExamples(path, s)
}

// checkExamples keeps the document from showing what the server refuses.
func (i *inspection) checkExamples(path string, s *huma.Schema) {
	re, err := regexp.Compile(s.Pattern)
	if err != nil {
		i.lacks(path, "needs a pattern that compiles")
		return
	}
	for _, e := range s.Examples {
		if text, ok := e.(string); ok && !re.MatchString(text) {
			i.lacks(path, "needs an example that matches its pattern")
		}
	}
}

func (i *inspection) number(path string, s *huma.Schema) {
	if s.Minimum == nil && s.ExclusiveMinimum == nil {
		i.lacks(path, "needs minimum")
	}
	if s.Maximum == nil && s.ExclusiveMaximum == nil {
		i.lacks(path, "needs maximum")
	}
}

// hasExample tells whether an example of the schema can be put together.
func (i *inspection) hasExample(s *huma.Schema) bool {
	switch {
	case len(s.Examples) > 0, s.Ref != "", s.Format == "binary":
		return true
	case s.Type == huma.TypeArray:
		return i.hasExample(s.Items)
	default:
		return s.Type == huma.TypeObject && len(s.Properties) > 0
	}
}

func orExample(examples []any, example any) []any {
	if len(examples) > 0 {
		return examples
	}
	return []any{example}
}
