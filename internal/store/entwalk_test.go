package store_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	entsql "entgo.io/ent/dialect/sql"
	"github.com/google/uuid"
	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"

	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/internal/testkit"
	"github.com/trellishq/trellis/tenants/scope"
)

// findings are the holes that a walk has found.
type findings []string

func (f *findings) add(format string, args ...any) { *f = append(*f, fmt.Sprintf(format, args...)) }

// entWalk tries every entity's client against another tenant's rows. It knows
// the entities by reflection, so that a new one cannot be forgotten.
type entWalk struct {
	mine, theirs scope.Scope
	all          *ent.Client // past every wall, to look and compare
	// do runs work with the client under test, in a transaction.
	do func(context.Context, func(context.Context, *ent.Client) error) error
}

// entities lists the fields of ent.Client that are clients of an entity.
func entities() (names []string) {
	client := reflect.TypeFor[ent.Client]()
	for field := range client.NumField() {
		if _, ok := client.Field(field).Type.MethodByName("Query"); ok {
			names = append(names, client.Field(field).Name)
		}
	}
	return names
}

func clientOf(c *ent.Client, entity string) reflect.Value {
	return reflect.ValueOf(c).Elem().FieldByName(entity)
}

// operation is one way to reach a row by an entity's client. It tells whether
// the row was reached.
type operation func(ctx context.Context, client reflect.Value, target uuid.UUID) (reached bool, err error)

// reads are the ways to see a row.
var reads = map[string]operation{
	"All": func(ctx context.Context, c reflect.Value, target uuid.UUID) (bool, error) {
		out := call(call(c, "Query")[0], "All", ctx)
		rows := out[0]
		for n := range rows.Len() {
			if idOf(rows.Index(n)) == target {
				return true, nil
			}
		}
		return false, errorOf(out)
	},
	"Count":   counted(func(ctx context.Context, q reflect.Value) []reflect.Value { return call(q, "Count", ctx) }),
	"Exist":   counted(func(ctx context.Context, q reflect.Value) []reflect.Value { return call(q, "Exist", ctx) }),
	"IDs":     counted(func(ctx context.Context, q reflect.Value) []reflect.Value { return call(q, "IDs", ctx) }),
	"First":   counted(func(ctx context.Context, q reflect.Value) []reflect.Value { return call(q, "First", ctx) }),
	"FirstID": counted(func(ctx context.Context, q reflect.Value) []reflect.Value { return call(q, "FirstID", ctx) }),
	"Only":    counted(func(ctx context.Context, q reflect.Value) []reflect.Value { return call(q, "Only", ctx) }),
	"OnlyID":  counted(func(ctx context.Context, q reflect.Value) []reflect.Value { return call(q, "OnlyID", ctx) }),
	"ForUpdate": counted(func(ctx context.Context, q reflect.Value) []reflect.Value {
		return call(call(q, "ForUpdate")[0], "All", ctx)
	}),
	"Clone": counted(func(ctx context.Context, q reflect.Value) []reflect.Value {
		return call(call(q, "Clone")[0], "All", ctx)
	}),
	"Aggregate": counted(func(ctx context.Context, q reflect.Value) []reflect.Value {
		return call(call(q, "Aggregate", ent.Count())[0], "Int", ctx)
	}),
	"Select": scanned(func(q reflect.Value) reflect.Value { return call(q, "Select", "id")[0] }),
	"Modify": scanned(func(q reflect.Value) reflect.Value {
		return call(q, "Modify", func(s *entsql.Selector) { s.Select("id") })[0]
	}),
	"GroupBy": scanned(func(q reflect.Value) reflect.Value { return call(q, "GroupBy", "id")[0] }),
	"Get": func(ctx context.Context, c reflect.Value, target uuid.UUID) (bool, error) {
		return reached(call(c, "Get", ctx, target))
	},
}

// counted is a read of one row that ends in a count, a row, an id or a list.
func counted(end func(context.Context, reflect.Value) []reflect.Value) operation {
	return func(ctx context.Context, c reflect.Value, target uuid.UUID) (bool, error) {
		return reached(end(ctx, where(call(c, "Query")[0], target)))
	}
}

// scanned is a read of one row's id into a variable.
func scanned(narrow func(reflect.Value) reflect.Value) operation {
	return func(ctx context.Context, c reflect.Value, target uuid.UUID) (bool, error) {
		var ids []uuid.UUID
		err := errorOf(call(narrow(where(call(c, "Query")[0], target)), "Scan", ctx, &ids))
		return len(ids) > 0, err
	}
}

// updates are the ways to change a row.
var updates = map[string]operation{
	"Update": func(ctx context.Context, c reflect.Value, target uuid.UUID) (bool, error) {
		return saved(ctx, where(call(c, "Update")[0], target))
	},
	"UpdateOneID": func(ctx context.Context, c reflect.Value, target uuid.UUID) (bool, error) {
		return saved(ctx, call(c, "UpdateOneID", target)[0])
	},
	"UpdateOne": func(ctx context.Context, c reflect.Value, target uuid.UUID) (bool, error) {
		return saved(ctx, call(c, "UpdateOne", withID(c, target))[0])
	},
}

// deletions are the ways to remove a row. The runtime roles may do none of
// them; the guard holds all the same.
var deletions = map[string]operation{
	"Delete": func(ctx context.Context, c reflect.Value, target uuid.UUID) (bool, error) {
		return reached(call(where(call(c, "Delete")[0], target), "Exec", ctx))
	},
	"DeleteOneID": func(ctx context.Context, c reflect.Value, target uuid.UUID) (bool, error) {
		err := errorOf(call(call(c, "DeleteOneID", target)[0], "Exec", ctx))
		return err == nil, err
	},
	"DeleteOne": func(ctx context.Context, c reflect.Value, target uuid.UUID) (bool, error) {
		err := errorOf(call(call(c, "DeleteOne", withID(c, target))[0], "Exec", ctx))
		return err == nil, err
	},
}

// saved sets a field that every entity has, and saves.
func saved(ctx context.Context, builder reflect.Value) (bool, error) {
	call(builder, "SetUpdatedAt", testkit.Start.Add(time.Hour))
	return reached(call(builder, "Save", ctx))
}

// Walk returns what it found open.
func (w entWalk) Walk(ctx context.Context) (found findings) {
	for _, entity := range entities() {
		w.walkEntity(ctx, entity, &found)
	}
	return found
}

func (w entWalk) walkEntity(ctx context.Context, entity string, found *findings) {
	mine, theirs := w.rowOf(ctx, entity, w.mine), w.rowOf(ctx, entity, w.theirs)
	if !mine.IsValid() || !theirs.IsValid() {
		found.add("%s: the twins have no row of it (extend twins_test.go)", entity)
		return
	}
	for _, operations := range []map[string]operation{reads, updates} {
		for name, op := range operations {
			w.try(ctx, entity+"."+name, op, mine, theirs, found)
		}
	}
	w.tryChangeAll(ctx, entity, theirs, found)
	for name, create := range map[string]func(context.Context, reflect.Value, reflect.Value) (reflect.Value, error){
		"Create": createOne, "CreateBulk": createBulk,
	} {
		w.tryCreate(ctx, entity, name, create, mine, found)
	}
	// At the end: one that succeeds leaves nothing to the next.
	for _, name := range slices.Sorted(maps.Keys(deletions)) {
		w.try(ctx, entity+"."+name, deletions[name], reflect.Value{}, theirs, found)
	}
}

// try runs an operation against both tenants' rows and without a scope.
func (w entWalk) try(ctx context.Context, name string, op operation, mine, theirs reflect.Value, found *findings) {
	entity, _, _ := strings.Cut(name, ".")
	run := func(row reflect.Value, of func(context.Context) context.Context) (reached bool, err error) {
		err = w.do(in(ctx, w.mine), func(ctx context.Context, c *ent.Client) error {
			reached, err = op(of(ctx), clientOf(c, entity), idOf(row))
			return err
		})
		return reached, err
	}
	same := func(ctx context.Context) context.Context { return ctx }
	if reached, err := run(theirs, same); reached {
		found.add("%s reaches another tenant's row", name)
	} else if !isRefusal(err) {
		found.add("%s fails on another tenant's row: %v", name, err)
	}
	if !reflect.DeepEqual(fieldsOf(w.rowOf(ctx, entity, w.theirs)), fieldsOf(theirs)) {
		found.add("%s changed another tenant's row", name)
	}
	if reached, err := run(theirs, withoutScope); reached || !errors.Is(err, scope.ErrMissing) {
		found.add("%s works without a scope (%v)", name, err)
	}
	if !mine.IsValid() {
		return
	}
	if reached, err := run(mine, same); !reached || err != nil {
		found.add("%s does not reach the tenant's own row: %v", name, err)
	}
}

// tryChangeAll updates without a condition.
func (w entWalk) tryChangeAll(ctx context.Context, entity string, theirs reflect.Value, found *findings) {
	err := w.do(in(ctx, w.mine), func(ctx context.Context, c *ent.Client) error {
		_, err := saved(ctx, call(clientOf(c, entity), "Update")[0])
		return err
	})
	if err != nil {
		found.add("%s.Update of all rows: %v", entity, err)
	}
	if !reflect.DeepEqual(fieldsOf(w.rowOf(ctx, entity, w.theirs)), fieldsOf(theirs)) {
		found.add("%s.Update of all rows changed another tenant's row", entity)
	}
}

// tryCreate copies an own row and names the other tenant as its owner.
func (w entWalk) tryCreate(ctx context.Context, entity, how string,
	create func(ctx context.Context, client, builder reflect.Value) (reflect.Value, error), mine reflect.Value, found *findings,
) {
	name := entity + "." + how
	run := func(owner scope.Scope, of func(context.Context) context.Context) (created reflect.Value, err error) {
		err = w.do(in(ctx, w.mine), func(ctx context.Context, c *ent.Client) error {
			client := clientOf(c, entity)
			created, err = create(of(ctx), client, copyOf(client, mine, owner, "-"+uuid.NewString()))
			return err
		})
		return created, err
	}
	if _, err := run(w.theirs, withoutScope); !errors.Is(err, scope.ErrMissing) {
		found.add("%s works without a scope (%v)", name, err)
	}
	same := func(ctx context.Context) context.Context { return ctx }
	created, err := run(w.theirs, same)
	if column := placeOf(mine); column != "tenant_id" {
		if err == nil {
			found.add("%s below another tenant is accepted", name)
		}
		// A copy of a customer below itself is in nobody else's way, and stands
		// where no customer may.
		if _, err := run(w.mine, same); err != nil && !store.Violates(err, "h_tenants_stand") {
			found.add("%s in the own subtree: %v", name, err)
		}
		return
	}
	if w.stampedTwice(err) {
		return
	}
	if err != nil {
		found.add("%s with another tenant's id is not stamped: %v", name, err)
	} else if owner := created.Elem().FieldByName("TenantID").Interface(); owner != w.mine.TenantID {
		found.add("%s makes a row of tenant %v", name, owner)
	}
}

// stampedTwice tells whether a row collided with the tenant's own, of which
// there can be one. Had it gone to the other tenant, row level security would
// have spoken first, and without it the message names the tenant.
func (w entWalk) stampedTwice(err error) bool {
	collision := pq.As(err, pqerror.UniqueViolation)
	return collision != nil && strings.Contains(collision.Constraint, "tenant_id") &&
		(collision.Detail == "" || strings.Contains(collision.Detail, w.mine.TenantID.String()))
}

func createOne(ctx context.Context, _, builder reflect.Value) (reflect.Value, error) {
	out := call(builder, "Save", ctx)
	return out[0], errorOf(out)
}

func createBulk(ctx context.Context, client, builder reflect.Value) (reflect.Value, error) {
	out := call(client.MethodByName("CreateBulk").Call([]reflect.Value{builder})[0], "Save", ctx)
	if err := errorOf(out); err != nil {
		return reflect.Value{}, err
	}
	return out[0].Index(0), nil
}

// copyOf returns a builder for a copy of a row at another owner. Texts and bytes
// get a suffix, for what must be unique.
func copyOf(client, original reflect.Value, owner scope.Scope, suffix string) reflect.Value {
	builder := call(client, "Create")[0]
	mutation := call(builder, "Mutation")[0].Interface().(ent.Mutation)
	// A node stands where its path says.
	fresh := uuid.New()
	mutation.(interface{ SetID(uuid.UUID) }).SetID(fresh)
	for column, value := range fieldsOf(original) {
		switch v := value.(type) {
		case string:
			value = v + suffix
		case []byte:
			value = append(v[:len(v):len(v)], suffix...)
		}
		switch column {
		case "id":
			continue
		case "tenant_id", "holder_id":
			value = owner.TenantID
		case "path":
			value = owner.Path + fresh.String() + "/"
		case "holder_path": // a number stands where its holder stands
			value = owner.Path
		}
		if err := mutation.SetField(column, value); err != nil {
			panic(fmt.Sprintf("%s: %v", column, err))
		}
	}
	return builder
}

// fieldsOf returns an entity's values by column, without those that are null.
func fieldsOf(row reflect.Value) map[string]any {
	values := map[string]any{}
	if !row.IsValid() {
		return values
	}
	for n := range row.Elem().NumField() {
		field, value := row.Elem().Type().Field(n), row.Elem().Field(n)
		if value.Kind() == reflect.Pointer {
			value = value.Elem()
		}
		if !field.IsExported() || field.Name == "Edges" || !value.IsValid() || value.Kind() == reflect.Slice && value.IsNil() {
			continue
		}
		values[columnOf(field)] = value.Interface()
	}
	return values
}

var wordEnd = regexp.MustCompile(`([a-z0-9])([A-Z])`)

// columnOf is the column of an entity's field. Secrets have no JSON name.
func columnOf(field reflect.StructField) string {
	if name, _, _ := strings.Cut(field.Tag.Get("json"), ","); name != "-" {
		return name
	}
	return strings.ToLower(wordEnd.ReplaceAllString(field.Name, "${1}_${2}"))
}

// placeOf is the column that says whose an entity is.
func placeOf(row reflect.Value) string {
	for field, column := range map[string]string{"TenantID": "tenant_id", "HolderPath": "holder_path", "Path": "path"} {
		if row.Elem().FieldByName(field).IsValid() {
			return column
		}
	}
	return ""
}

// rowOf finds the row that the twins have of an entity, past every wall.
func (w entWalk) rowOf(ctx context.Context, entity string, sc scope.Scope) reflect.Value {
	client := clientOf(w.all, entity)
	blank := reflect.New(client.MethodByName("UpdateOne").Type().In(0).Elem())
	var mine func(*entsql.Selector)
	switch column := placeOf(blank); column {
	case "tenant_id":
		mine = entsql.FieldEQ(column, sc.TenantID)
	case "":
		return reflect.Value{}
	default:
		mine = entsql.FieldEQ(column, sc.Path)
	}
	first := entsql.OrderByField("id").ToFunc()
	query := matching(call(client, "Query")[0], func(s *entsql.Selector) { mine(s); first(s) })
	out := call(query, "First", ctx)
	if errorOf(out) != nil {
		return reflect.Value{}
	}
	return out[0]
}

func call(v reflect.Value, method string, args ...any) []reflect.Value {
	values := make([]reflect.Value, len(args))
	for n, arg := range args {
		values[n] = reflect.ValueOf(arg)
	}
	return v.MethodByName(method).Call(values)
}

// where narrows a builder to one row.
func where(builder reflect.Value, target uuid.UUID) reflect.Value {
	return matching(builder, entsql.FieldEQ("id", target))
}

// matching adds a condition; each entity's has a type of its own.
func matching(builder reflect.Value, condition func(*entsql.Selector)) reflect.Value {
	method := builder.MethodByName("Where")
	own := method.Type().In(0).Elem()
	return method.Call([]reflect.Value{reflect.ValueOf(condition).Convert(own)})[0]
}

func idOf(row reflect.Value) uuid.UUID { return row.Elem().FieldByName("ID").Interface().(uuid.UUID) }

func withID(client reflect.Value, target uuid.UUID) any {
	row := reflect.New(client.MethodByName("UpdateOne").Type().In(0).Elem())
	row.Elem().FieldByName("ID").Set(reflect.ValueOf(target))
	return row.Interface()
}

// reached reads the result of an operation: an empty one is none.
func reached(out []reflect.Value) (bool, error) {
	if err := errorOf(out); err != nil {
		return false, err
	}
	if out[0].Kind() == reflect.Slice {
		return out[0].Len() > 0, nil
	}
	return !out[0].IsZero(), nil
}

func errorOf(out []reflect.Value) error {
	err, _ := out[len(out)-1].Interface().(error)
	return err
}

// isRefusal tells whether an operation ended as it should: in nothing.
func isRefusal(err error) bool {
	return err == nil || ent.IsNotFound(err) || pq.As(err, pqerror.InsufficientPrivilege) != nil
}

// withoutScope hides the scope of a context, and nothing else.
func withoutScope(ctx context.Context) context.Context { return scopeless{ctx} }

type scopeless struct {
	context.Context //nolint:containedctx // it is a context
}

func (c scopeless) Value(key any) any {
	value := c.Context.Value(key)
	if _, ok := value.(scope.Scope); ok {
		return nil
	}
	return value
}
