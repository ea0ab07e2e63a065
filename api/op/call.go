package op

import (
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// Call is a request that is not made to us, or not in our words, and belongs to
// the contract all the same: it stands among the webhooks of the document.
type Call struct {
	// ID is a verb and a noun.
	ID                   string
	Summary, Description string
	Tag                  string
	// Status is the answer that ends it well, Answer what that says.
	Status int
	Answer string
	// Headers that the request carries, by name with their meaning.
	Headers map[string]string
}

// maxCallHeader is longer than any signature.
const maxCallHeader = 200

// Describe adds a call to the document. In and Out are JSON bodies; struct{} is
// none. Like Register it panics where the description is not complete.
func Describe[In, Out any](s *Surface, c Call) {
	i := &inspection{s: s}
	operation := &huma.Operation{
		OperationID: c.ID, Summary: c.Summary, Description: c.Description, Tags: []string{c.Tag},
		Responses: map[string]*huma.Response{strconv.Itoa(c.Status): {Description: c.Answer, Content: content[Out](s, i)}},
	}
	if body := content[In](s, i); body != nil {
		operation.RequestBody = &huma.RequestBody{Required: true, Content: body}
	}
	for name, meaning := range c.Headers {
		param := text(maxCallHeader, "^[!-~ ]+$", meaning, "…")
		param.Name, param.In, param.Required = name, "header", true
		operation.Parameters = append(operation.Parameters, param)
	}
	// Maps have no order; the document has one.
	slices.SortFunc(operation.Parameters, func(a, b *huma.Param) int { return strings.Compare(a.Name, b.Name) })
	if err := i.err(); err != nil {
		panic("op: " + c.ID + ":\n" + err.Error())
	}
	document := s.api.OpenAPI()
	if document.Webhooks == nil {
		document.Webhooks = map[string]*huma.PathItem{}
	}
	document.Webhooks[c.ID] = &huma.PathItem{Post: operation}
}

func content[T any](s *Surface, i *inspection) map[string]*huma.MediaType {
	t := reflect.TypeFor[T]()
	if t == reflect.TypeFor[struct{}]() {
		return nil
	}
	media := &huma.MediaType{Schema: s.api.OpenAPI().Components.Schemas.Schema(t, true, t.Name())}
	i.schema(t.Name(), media.Schema)
	s.illustrate(mediaJSON, media)
	return map[string]*huma.MediaType{mediaJSON: media}
}
