package tenants_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/tenants"
	"github.com/trellishq/trellis/tenants/scope"
)

// Covers the strict tree of C-02.
func TestWhatMayStandBelowWhat(t *testing.T) {
	t.Parallel()
	b := setup(t)
	parents := map[tenants.Kind]tenants.Tenant{
		tenants.KindOperator: b.operator, tenants.KindResellerL1: b.l1,
		tenants.KindResellerL2: b.l2, tenants.KindCustomer: b.customer,
	}
	allowed := map[[2]tenants.Kind]bool{
		{tenants.KindOperator, tenants.KindResellerL1}:   true,
		{tenants.KindResellerL1, tenants.KindResellerL2}: true,
		{tenants.KindResellerL1, tenants.KindCustomer}:   true,
		{tenants.KindResellerL2, tenants.KindCustomer}:   true,
	}
	for parentKind, parent := range parents {
		for _, kind := range tenants.Kinds() {
			made, err := b.Create(in(t.Context(), parent), tenants.NewTenant{
				ParentID: parent.ID, Kind: kind, Name: "New " + string(kind),
			})
			if !allowed[[2]tenants.Kind{parentKind, kind}] {
				wantCode(t, err, fault.CodeWrongParent, "body.parent_id")
				continue
			}
			if err != nil {
				t.Errorf("%s below %s: %v", kind, parentKind, err)
				continue
			}
			if made.Path != parent.Path+made.ID.String()+"/" || *made.ParentID != parent.ID || made.Version != 1 {
				t.Errorf("made %+v", made)
			}
		}
	}
}

func TestCreateInheritsAndPublishes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := in(t.Context(), b.l1)
	parent, err := b.Create(ctx, tenants.NewTenant{
		ParentID: b.l1.ID, Kind: tenants.KindResellerL2, Name: "  Québec ", Country: "CA", TimeZone: "America/Toronto", Language: "fr-ca",
	})
	if err != nil {
		t.Fatal(err)
	}
	if parent.Name != "Québec" || parent.Language != "fr-CA" {
		t.Errorf("made %+v", parent)
	}
	child, err := b.Create(ctx, tenants.NewTenant{ParentID: parent.ID, Kind: tenants.KindCustomer, Name: "Client", Language: "en"})
	if err != nil {
		t.Fatal(err)
	}
	if child.Country != "CA" || child.TimeZone != "America/Toronto" || child.Language != "en" {
		t.Errorf("inherited %+v", child)
	}
	if e := b.log.last(); e.kind != "tenant.created" || e.object != child.ID || e.tenant != b.l1.ID {
		t.Errorf("published %+v", e)
	}
}

func TestCreateRefuses(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for name, c := range map[string]struct {
		change func(*tenants.NewTenant)
		code   fault.Code
		at     string
	}{
		"no name":            {func(n *tenants.NewTenant) { n.Name = "  " }, fault.CodeInvalid, "body.name"},
		"long name":          {func(n *tenants.NewTenant) { n.Name = strings.Repeat("é", 201) }, fault.CodeInvalid, "body.name"},
		"control character":  {func(n *tenants.NewTenant) { n.Name = "a\x00b" }, fault.CodeInvalid, "body.name"},
		"turned around text": {func(n *tenants.NewTenant) { n.Name = "a\u202eb" }, fault.CodeInvalid, "body.name"},
		"broken text":        {func(n *tenants.NewTenant) { n.Name = "a\xff" }, fault.CodeInvalid, "body.name"},
		"unknown kind":       {func(n *tenants.NewTenant) { n.Kind = "sandbox" }, fault.CodeInvalid, "body.kind"},
		"country in words":   {func(n *tenants.NewTenant) { n.Country = "France" }, fault.CodeInvalid, "body.country"},
		"country of three":   {func(n *tenants.NewTenant) { n.Country = "FRA" }, fault.CodeInvalid, "body.country"},
		"small country":      {func(n *tenants.NewTenant) { n.Country = "fr" }, fault.CodeInvalid, "body.country"},
		"former country":     {func(n *tenants.NewTenant) { n.Country = "DD" }, fault.CodeInvalid, "body.country"},
		"no country":         {func(n *tenants.NewTenant) { n.Country = "ZZ" }, fault.CodeInvalid, "body.country"},
		"time zone":          {func(n *tenants.NewTenant) { n.TimeZone = "Mars/Olympus" }, fault.CodeInvalid, "body.time_zone"},
		"the machine's zone": {func(n *tenants.NewTenant) { n.TimeZone = "Local" }, fault.CodeInvalid, "body.time_zone"},
		"path as time zone":  {func(n *tenants.NewTenant) { n.TimeZone = "../../etc/passwd" }, fault.CodeInvalid, "body.time_zone"},
		"language":           {func(n *tenants.NewTenant) { n.Language = "english please" }, fault.CodeInvalid, "body.language"},
		"undecided language": {func(n *tenants.NewTenant) { n.Language = "und" }, fault.CodeInvalid, "body.language"},
		"sibling's name":     {func(n *tenants.NewTenant) { n.Name = b.customer.Name }, fault.CodeNameTaken, "body.name"},
		"parent elsewhere":   {func(n *tenants.NewTenant) { n.ParentID = b.other.ID }, fault.CodeNotFound, "body.parent_id"},
		"parent above":       {func(n *tenants.NewTenant) { n.ParentID = b.operator.ID }, fault.CodeNotFound, "body.parent_id"},
		"parent nowhere":     {func(n *tenants.NewTenant) { n.ParentID = uuid.New() }, fault.CodeNotFound, "body.parent_id"},
	} {
		t.Run(name, func(t *testing.T) {
			n := tenants.NewTenant{ParentID: b.l1.ID, Kind: tenants.KindCustomer, Name: "New"}
			c.change(&n)
			_, err := b.Create(in(t.Context(), b.l1), n)
			wantCode(t, err, c.code, c.at)
		})
	}
	if _, err := b.Create(in(t.Context(), b.l2), tenants.NewTenant{
		ParentID: b.l2.ID, Kind: tenants.KindCustomer, Name: b.customer.Name,
	}); err != nil {
		t.Errorf("a cousin's name: %v", err)
	}
}

func TestThereIsOneOperator(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, err := b.CreateOperator(scope.System(t.Context(), "test"), "Another")
	wantCode(t, err, fault.CodeConflict)
	if _, err := b.CreateOperator(in(t.Context(), b.operator), "Another"); err == nil {
		t.Error("an operator was made inside of a tenant")
	}
	if _, err := b.CreateOperator(t.Context(), "Another"); err == nil {
		t.Error("an operator was made without a scope")
	}
}

func TestUpdate(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := home(t.Context(), b.l1, true)
	text := func(s string) *string { return &s }
	suspended, sleeping := tenants.StatusSuspended, tenants.Status("asleep")
	first := func(version int64) error {
		if version != 1 {
			return fault.New(fault.Stale, fault.CodeStale, "changed")
		}
		return nil
	}

	updated, err := b.Update(ctx, b.customer.ID, tenants.Change{
		Name: text("Renamed"), Country: text("FR"), TimeZone: text("Europe/Paris"), Language: text("fr"), Status: &suspended,
	}, first)
	if err != nil {
		t.Fatal(err)
	}
	if updated.Name != "Renamed" || updated.Country != "FR" || updated.TimeZone != "Europe/Paris" ||
		updated.Language != "fr" || updated.Status != suspended || updated.Version != 2 {
		t.Errorf("updated %+v", updated)
	}
	if e := b.log.last(); e.kind != "tenant.updated" || e.object != b.customer.ID {
		t.Errorf("published %+v", e)
	}

	published := b.log.count()
	same, err := b.Update(ctx, b.customer.ID, tenants.Change{Name: text("Renamed")}, nil)
	if err != nil || same.Version != 2 || b.log.count() != published {
		t.Errorf("an update without a change made %+v, %v", same, err)
	}

	_, err = b.Update(ctx, b.customer.ID, tenants.Change{Name: text("Late")}, first)
	wantCode(t, err, fault.CodeStale)
	_, err = b.Update(ctx, b.customer.ID, tenants.Change{Name: text(b.l2.Name)}, nil)
	wantCode(t, err, fault.CodeNameTaken, "body.name")
	_, err = b.Update(ctx, b.customer.ID, tenants.Change{Language: text("")}, nil)
	wantCode(t, err, fault.CodeInvalid, "body.language")
	_, err = b.Update(ctx, b.customer.ID, tenants.Change{Status: &sleeping}, nil)
	wantCode(t, err, fault.CodeInvalid, "body.status")
	for _, beyond := range []uuid.UUID{b.operator.ID, b.other.ID, b.foreign.ID, uuid.New()} {
		_, err = b.Update(ctx, beyond, tenants.Change{Name: text("Mine")}, nil)
		wantCode(t, err, fault.CodeNotFound)
	}
	_, err = b.Update(ctx, b.l1.ID, tenants.Change{Status: &suspended}, nil)
	wantCode(t, err, fault.CodeForbidden, "body.status")
	_, err = b.Update(in(t.Context(), b.operator), b.operator.ID, tenants.Change{Status: &suspended}, nil)
	wantCode(t, err, fault.CodeForbidden, "body.status")
}

func TestListsHoldTheSubtreeOnly(t *testing.T) {
	t.Parallel()
	b := setup(t)
	names := func(list []tenants.Tenant) string {
		var all []string
		for _, x := range list {
			all = append(all, x.Name)
		}
		return strings.Join(all, " ")
	}
	for _, c := range []struct {
		name   string
		at     tenants.Tenant
		below  bool
		filter tenants.Filter
		want   string
	}{
		{"operator", b.operator, true, tenants.Filter{}, "Operator First Second Deep Customer Other Foreign"},
		{"reseller", b.l1, true, tenants.Filter{}, "First Second Deep Customer"},
		{"second reseller", b.l2, true, tenants.Filter{}, "Second Deep"},
		{"customer", b.customer, false, tenants.Filter{}, "Customer"},
		{"admin of the operator's own tenant", b.operator, false, tenants.Filter{}, "Operator"},
		{"by parent", b.operator, true, tenants.Filter{ParentID: &b.l1.ID}, "Second Customer"},
		{"by a parent elsewhere", b.l1, true, tenants.Filter{ParentID: &b.other.ID}, ""},
		{"by kind", b.operator, true, tenants.Filter{Kind: tenants.KindCustomer}, "Deep Customer Foreign"},
		{"by name", b.operator, true, tenants.Filter{NamePrefix: "f"}, "First Foreign"},
		{"by a name with a wildcard", b.operator, true, tenants.Filter{NamePrefix: "%"}, ""},
		{"by a name that is no text", b.operator, true, tenants.Filter{NamePrefix: "\x00"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.filter.Limit = 100
			list, err := b.List(home(t.Context(), c.at, c.below), c.filter)
			if err != nil || names(list) != c.want {
				t.Errorf("got %q, %v, want %q", names(list), err, c.want)
			}
		})
	}
}

func TestListPages(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := home(t.Context(), b.operator, true)
	var after *string
	var seen []uuid.UUID
	for {
		page, err := b.List(ctx, tenants.Filter{After: after, Limit: 2})
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		for _, x := range page {
			seen = append(seen, x.ID)
		}
		after = &page[len(page)-1].Below
	}
	if len(seen) != 7 {
		t.Errorf("saw %d of 7", len(seen))
	}
}

func TestNobodySeesWhatIsAbove(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := home(t.Context(), b.l2, true)
	own, err := b.Get(ctx, b.l2.ID)
	if err != nil || own.ParentID != nil {
		t.Errorf("got %+v, %v", own, err)
	}
	child, err := b.Get(ctx, b.deep.ID)
	if err != nil || child.ParentID == nil {
		t.Errorf("got %+v, %v", child, err)
	}
	for _, hidden := range []uuid.UUID{b.l1.ID, b.customer.ID, b.operator.ID, uuid.New()} {
		_, err := b.Get(ctx, hidden)
		wantCode(t, err, fault.CodeNotFound)
	}
	_, err = b.Get(home(t.Context(), b.operator, false), b.l1.ID)
	wantCode(t, err, fault.CodeNotFound)
	if _, err := b.Get(t.Context(), b.l1.ID); err == nil {
		t.Error("read without a scope")
	}
}
