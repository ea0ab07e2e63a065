package op_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/op"
	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/internal/fault"
)

func okSpec() op.Spec {
	return op.Spec{ID: "doThing", Method: http.MethodPost, Path: "/v1/things", Tag: "Contacts", Summary: "Do", Description: "Does it."}
}

// try registers an operation on a fresh surface and expects a refusal.
func try[I, O any](t *testing.T, name, want string, p authz.Permission, change func(*op.Spec)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		toy := &toy{log: newToy(t).log, ledger: &memoryLedger{}, limiter: &window{}}
		s, err := op.New(config(toy))
		if err != nil {
			t.Fatal(err)
		}
		spec := okSpec()
		if change != nil {
			change(&spec)
		}
		mustPanic(t, want, func() {
			op.Register(s, p, spec, func(context.Context, *I) (*O, error) { return nil, nil })
		})
	})
}

type (
	none        struct{}
	body[T any] struct{ Body T }
	withDefault struct {
		On bool `json:"on" default:"true" doc:"On."`
	}
	bareString struct {
		Name string `json:"name" doc:"A name." example:"x"`
	}
	bareInt struct {
		Size int `json:"size" minimum:"0" doc:"A size." example:"1"`
	}
	bareArray struct {
		Tags []string `json:"tags" maxLength:"5" doc:"Tags." example:"x"`
	}
	noDoc struct {
		Name string `json:"name" maxLength:"5" example:"x"`
	}
	noExample struct {
		Name string `json:"name" maxLength:"5" doc:"A name."`
	}
	badExample struct {
		Name string `json:"name" maxLength:"5" pattern:"^[a-z]+$" doc:"A name." example:"1"`
	}
	deep struct {
		Inner []bareString `json:"inner" maxItems:"3" doc:"Inner."`
	}
	bareMap struct {
		Labels map[string]string `json:"labels" doc:"Labels." example:"{}"`
	}
	requiredOptional struct {
		Name op.Optional[string] `json:"name" maxLength:"5" doc:"A name." example:"x"`
	}
	nullableID struct {
		Owner *uuid.UUID `json:"owner" doc:"The owner."`
	}
	noJSON struct {
		Name string `maxLength:"5" doc:"A name." example:"x"`
	}
	smallInt struct {
		N int8 `query:"n" minimum:"0" maximum:"9" doc:"A number." example:"1"`
	}
	commaList struct {
		S []string `query:"s" maxItems:"3" maxLength:"5" doc:"Some." example:"x"`
	}
	bareQuery struct {
		Q string `query:"q" doc:"A word." example:"x"`
	}
	rawBody struct{ RawBody []byte }
	stray   struct{ Name string }
)

func TestIncompleteOperationsAreRefused(t *testing.T) {
	t.Parallel()
	const p = authz.ContactsRead
	try[none, none](t, "no permission", "an operation without one does not exist", "", nil)
	try[none, none](t, "strange permission", "is no permission", "Contacts", nil)
	try[none, none](t, "no id", "is not verbNoun", p, func(s *op.Spec) { s.ID = "thing" })
	try[none, none](t, "method", "the method \"BREW\" is not known", p, func(s *op.Spec) { s.Method = "BREW" })
	try[none, none](t, "path in camelCase", "is not in snake_case", p, func(s *op.Spec) { s.Path = "/v1/fooBar" })
	try[none, none](t, "no summary", "the summary is missing", p, func(s *op.Spec) { s.Summary = "" })
	try[none, none](t, "no description", "the description is missing", p, func(s *op.Spec) { s.Description = "" })
	try[none, none](t, "unknown tag", "is not in Config.Tags", p, func(s *op.Spec) { s.Tag = "Things" })
	try[none, none](t, "unknown code", "has no meaning", p, func(s *op.Spec) { s.Codes = []fault.Code{"oops"} })
	try[none, none](t, "path parameter without field", "path.thing_id: is not in the input", p, func(s *op.Spec) { s.Path = "/v1/{thing_id}" })
	try[onlyContact, none](t, "field without path parameter", "path.contact_id: is not in the path", p, nil)
	try[body[bareString], none](t, "GET with a body", "a GET has no body", p, func(s *op.Spec) { s.Method = http.MethodGet })
	try[body[bareString], none](t, "string without bounds", "BareString.name: needs maxLength", p, nil)
	try[none, body[bareString]](t, "string without bounds in the answer", "BareString.name: needs maxLength", p, nil)
	try[body[deep], none](t, "string without bounds far down", "BareString.name: needs maxLength", p, nil)
	try[body[bareInt], none](t, "integer without maximum", "BareInt.size: needs maximum", p, nil)
	try[body[bareArray], none](t, "array without maxItems", "BareArray.tags: needs maxItems", p, nil)
	try[body[bareMap], none](t, "map without maxProperties", "BareMap.labels: needs maxProperties", p, nil)
	try[body[noDoc], none](t, "no doc", "NoDoc.name: needs doc", p, nil)
	try[body[noExample], none](t, "no example", "NoExample.name: needs example", p, nil)
	try[body[badExample], none](t, "example that is refused", "BadExample.name: needs an example that matches", p, nil)
	try[body[withDefault], none](t, "default on a value", "a default would overwrite", p, nil)
	try[body[requiredOptional], none](t, "Optional that is required", "needs omitzero", p, nil)
	try[none, body[nullableID]](t, "pointer to an id", "needs nullable", p, nil)
	try[body[noJSON], none](t, "no json name", "has no json name", p, nil)
	try[smallInt, none](t, "small integer", "huma cuts off small integers", p, nil)
	try[commaList, none](t, "list with commas", "lists are repeated query parameters", p, nil)
	try[bareQuery, none](t, "query without bounds", "query.q: needs maxLength", p, nil)
	try[rawBody, none](t, "RawBody", "embed op.Raw or op.Upload", p, nil)
	try[none, stray](t, "stray output field", "neither Body nor a header", p, nil)
	try[int, none](t, "no struct", "must be structs", p, nil)
}

type onlyContact struct {
	ContactID uuid.UUID `path:"contact_id" doc:"The contact."`
}

func TestOperationIsRegisteredOnce(t *testing.T) {
	t.Parallel()
	toy := &toy{log: newToy(t).log, ledger: &memoryLedger{}, limiter: &window{}}
	s, err := op.New(config(toy))
	if err != nil {
		t.Fatal(err)
	}
	register := func(id string) {
		spec := okSpec()
		spec.ID = id
		op.Register(s, authz.ContactsRead, spec, func(context.Context, *none) (*none, error) { return nil, nil })
	}
	register("doThing")
	mustPanic(t, "is registered twice", func() { register("doOther") })
}
