package identity_test

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/identity"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/tenants"
)

func TestCreateKey(t *testing.T) {
	t.Parallel()
	w := setup(t)
	admin := w.person(t, w.customer, authz.TenantAdmin, "admin")
	ctx := w.as(t, admin, authz.APIKeysWrite, w.customer)
	made, err := w.CreateKey(ctx, identity.NewKey{
		Name: " Shop ", Permissions: []authz.Permission{authz.InteractionsStart, authz.ContactsRead, authz.ContactsRead},
	})
	if err != nil {
		t.Fatal(err)
	}
	text := made.Text.Reveal()
	if !identity.IsKey(text) || made.Hint != "trl_live_…"+text[len(text)-4:] || made.Name != "Shop" ||
		len(made.Permissions) != 2 || made.CreatorID != admin.UserID || !made.ExpiresAt.Equal(w.clock.Now().AddDate(1, 0, 0)) {
		t.Errorf("made %+v", made)
	}
	if strings.Contains(fmt.Sprintf("%+v %#v", made, made), text) {
		t.Error("the key prints")
	}
	hash := sha256.Sum256([]byte(text))
	var found bool
	err = w.database.Owner(t).QueryRow(`SELECT hash = $2 AND k::text NOT LIKE '%' || $3 || '%' FROM api_keys k WHERE id = $1`,
		made.ID, hash[:], text).Scan(&found)
	if err != nil || !found {
		t.Errorf("what is stored is not the hash alone: %v", err)
	}
	if w.log.of("api_key.created", made.ID) != 1 {
		t.Error("api_key.created was not published")
	}
	for _, e := range w.log.events {
		if strings.Contains(fmt.Sprintf("%+v", e.data), text) {
			t.Errorf("%s tells the key", e.kind)
		}
	}
	p := w.authenticate(t, text)
	if p.KeyID != made.ID || p.UserID != admin.UserID || p.SessionID != uuid.Nil || p.TenantID != w.customer.ID ||
		p.KeyName != "Shop" || p.Actor().ID != made.ID || p.RateKey() != "api_key:"+made.ID.String() {
		t.Errorf("got %+v", p)
	}
}

func TestKeysThatAreRefused(t *testing.T) {
	t.Parallel()
	w := setup(t)
	admin := w.person(t, w.customer, authz.TenantAdmin, "admin")
	reseller := w.person(t, w.l1, authz.TenantAdmin, "reseller")
	operator := w.person(t, w.operator, authz.Operator, "staff")
	narrow := w.key(t, admin, w.customer, authz.APIKeysWrite, authz.ContactsRead)
	good := identity.NewKey{Name: "k", Permissions: []authz.Permission{authz.ContactsRead}}
	for name, c := range map[string]struct {
		by     identity.Principal
		at     tenants.Tenant
		change func(*identity.NewKey)
		code   fault.Code
		field  string
	}{
		"no name":            {admin, w.customer, func(n *identity.NewKey) { n.Name = "" }, fault.CodeInvalid, "body.name"},
		"no permissions":     {admin, w.customer, func(n *identity.NewKey) { n.Permissions = nil }, fault.CodeInvalid, "body.permissions"},
		"unknown permission": {admin, w.customer, give("contacts:delete"), fault.CodeInvalid, "body.permissions[1]"},
		"wildcard":           {admin, w.customer, give("*"), fault.CodeInvalid, "body.permissions[1]"},
		"public":             {admin, w.customer, give(authz.Public), fault.CodeInvalid, "body.permissions[1]"},
		"authenticated":      {admin, w.customer, give(authz.Authenticated), fault.CodeInvalid, "body.permissions[1]"},
		"in the past":        {admin, w.customer, func(n *identity.NewKey) { n.ExpiresAt = w.clock.Now() }, fault.CodeInvalid, "body.expires_at"},
		"more than a year":   {admin, w.customer, func(n *identity.NewKey) { n.ExpiresAt = w.clock.Now().Add(366 * 24 * time.Hour) }, fault.CodeInvalid, "body.expires_at"},
		"makes no tenants":   {admin, w.customer, give(authz.TenantsWrite), fault.CodePermissionTooWide, "body.permissions[1]"},
		"content below":      {reseller, w.customer, func(*identity.NewKey) {}, fault.CodePermissionTooWide, "body.permissions[0]"},
		"content of nobody":  {operator, w.operator, func(*identity.NewKey) {}, fault.CodePermissionTooWide, "body.permissions[0]"},
		"a key's wider key":  {narrow, w.customer, give(authz.InteractionsRead), fault.CodePermissionTooWide, "body.permissions[1]"},
	} {
		t.Run(name, func(t *testing.T) {
			n := good
			c.change(&n)
			_, err := w.CreateKey(w.as(t, c.by, authz.APIKeysWrite, c.at), n)
			wantCode(t, err, c.code, c.field)
		})
	}
	child, err := w.CreateKey(w.as(t, narrow, authz.APIKeysWrite, w.customer), good)
	if err != nil || child.CreatorID != admin.UserID {
		t.Errorf("a key within its maker's: %+v, %v", child, err)
	}
	if _, err := w.CreateKey(program(t.Context(), w.customer), good); err == nil {
		t.Error("the program made a key without a creator")
	}
}

func give(p authz.Permission) func(*identity.NewKey) {
	return func(n *identity.NewKey) { n.Permissions = append(n.Permissions[:1:1], p) }
}

func TestAKeyDoesNotOutliveItsMaker(t *testing.T) {
	t.Parallel()
	w := setup(t)
	admin := w.person(t, w.customer, authz.TenantAdmin, "admin")
	soon := w.clock.Now().Add(time.Hour)
	first, err := w.CreateKey(w.as(t, admin, authz.APIKeysWrite, w.customer), identity.NewKey{
		Name: "first", Permissions: []authz.Permission{authz.APIKeysWrite}, ExpiresAt: soon,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx := w.as(t, w.authenticate(t, first.Text.Reveal()), authz.APIKeysWrite, w.customer)
	second, err := w.CreateKey(ctx, identity.NewKey{Name: "second", Permissions: []authz.Permission{authz.APIKeysWrite}})
	if err != nil || !second.ExpiresAt.Equal(soon) {
		t.Errorf("%+v, %v", second, err)
	}
	_, err = w.CreateKey(ctx, identity.NewKey{
		Name: "third", Permissions: []authz.Permission{authz.APIKeysWrite}, ExpiresAt: soon.Add(time.Second),
	})
	wantCode(t, err, fault.CodeInvalid, "body.expires_at")
	w.clock.Advance(time.Hour)
	for _, key := range []identity.CreatedKey{first, second} {
		_, err := w.Authenticate(t.Context(), key.Text.Reveal())
		wantCode(t, err, fault.CodeInvalidToken)
	}
}

func TestRevokeAndListKeys(t *testing.T) {
	t.Parallel()
	w := setup(t)
	admin := w.person(t, w.customer, authz.TenantAdmin, "admin")
	stranger := w.person(t, w.foreign, authz.TenantAdmin, "stranger")
	ctx := w.as(t, admin, authz.APIKeysWrite, w.customer)
	elsewhere := w.as(t, stranger, authz.APIKeysWrite, w.foreign)
	var made []identity.CreatedKey
	for range 3 {
		key, err := w.CreateKey(ctx, identity.NewKey{Name: "k", Permissions: []authz.Permission{authz.ContactsRead}})
		if err != nil {
			t.Fatal(err)
		}
		made = append(made, key)
	}
	w.authenticate(t, made[0].Text.Reveal())

	_, err := w.RevokeKey(elsewhere, made[0].ID)
	wantCode(t, err, fault.CodeNotFound)
	_, err = w.GetKey(elsewhere, made[0].ID)
	wantCode(t, err, fault.CodeNotFound)
	if list, err := w.ListKeys(elsewhere, nil, 10); err != nil || len(list) != 0 {
		t.Errorf("another tenant lists %v, %v", list, err)
	}
	for range 2 { // the second time changes nothing
		revoked, err := w.RevokeKey(ctx, made[0].ID)
		if err != nil || revoked.RevokedAt == nil || revoked.Version != 2 {
			t.Errorf("revoked %+v, %v", revoked, err)
		}
	}
	if n := w.log.of("api_key.revoked", made[0].ID); n != 1 {
		t.Errorf("api_key.revoked was published %d times", n)
	}
	_, err = w.Authenticate(t.Context(), made[0].Text.Reveal())
	wantCode(t, err, fault.CodeInvalidToken)

	first, err := w.ListKeys(ctx, nil, 2)
	if err != nil || len(first) != 2 || first[0].ID != made[0].ID {
		t.Fatalf("the first page is %+v, %v", first, err)
	}
	rest, err := w.ListKeys(ctx, &first[1].ID, 2)
	if err != nil || len(rest) != 1 || rest[0].ID != made[2].ID {
		t.Errorf("the second page is %+v, %v", rest, err)
	}
}

// Covers C10-2: a key has no more than its creator has now.
func TestAKeyLosesWhatItsCreatorLoses(t *testing.T) {
	t.Parallel()
	w := setup(t)
	admin := w.person(t, w.customer, authz.TenantAdmin, "admin")
	w.user(t, w.customer, authz.TenantAdmin, "another")
	reseller := w.person(t, w.l1, authz.TenantAdmin, "reseller")
	made, err := w.CreateKey(w.as(t, admin, authz.APIKeysWrite, w.customer), identity.NewKey{
		Name: "k", Permissions: []authz.Permission{authz.UsersWrite, authz.InteractionsRead},
	})
	if err != nil {
		t.Fatal(err)
	}
	holds := func(want ...authz.Permission) {
		t.Helper()
		w.clock.Advance(cacheLife)
		p := w.authenticate(t, made.Text.Reveal())
		if fmt.Sprint(p.Rights.Here.List()) != fmt.Sprint(want) {
			t.Errorf("the key holds %v, want %v", p.Rights.Here.List(), want)
		}
	}
	change := func(c identity.UserChange) {
		t.Helper()
		if _, err := w.UpdateUser(w.as(t, reseller, authz.UsersWrite, w.customer), admin.UserID, c, nil); err != nil {
			t.Fatal(err)
		}
	}
	holds(authz.UsersWrite, authz.InteractionsRead)
	change(identity.UserChange{Role: to(authz.Agent)})
	holds(authz.InteractionsRead)
	change(identity.UserChange{Role: to(authz.TenantAdmin)})
	holds(authz.UsersWrite, authz.InteractionsRead)
	change(identity.UserChange{Status: to(identity.UserDisabled)})
	w.clock.Advance(cacheLife)
	_, err = w.Authenticate(t.Context(), made.Text.Reveal())
	wantCode(t, err, fault.CodeInvalidToken)
}

func TestTheUseOfAKeyIsNoted(t *testing.T) {
	t.Parallel()
	w := setup(t)
	admin := w.person(t, w.customer, authz.TenantAdmin, "admin")
	ctx := w.as(t, admin, authz.APIKeysRead, w.customer)
	made, err := w.CreateKey(w.as(t, admin, authz.APIKeysWrite, w.customer),
		identity.NewKey{Name: "k", Permissions: []authz.Permission{authz.ContactsRead}})
	if err != nil {
		t.Fatal(err)
	}
	start := w.clock.Now()
	for _, step := range []struct{ wait, noted time.Duration }{
		{0, 0}, {30 * time.Second, 0}, {29 * time.Second, 0}, {time.Second, time.Minute},
	} {
		w.clock.Advance(step.wait)
		w.authenticate(t, made.Text.Reveal())
		w.Close()
		key, err := w.GetKey(ctx, made.ID)
		if err != nil || key.LastUsedAt == nil || !key.LastUsedAt.Equal(start.Add(step.noted)) || key.Version != 1 {
			t.Errorf("got %+v, %v", key, err)
		}
	}
}

func TestKeyTexts(t *testing.T) {
	t.Parallel()
	good := identity.NewKeyText()
	if len(good) != 9+32+1+6 || !identity.IsKey(good) {
		t.Errorf("%q", good)
	}
	swap := func(i int) string {
		b := []byte(good)
		if b[i] == 'x' {
			b[i] = 'y'
		} else {
			b[i] = 'x'
		}
		return string(b)
	}
	for _, bad := range []string{
		"", good[1:], good + "x", strings.ToUpper(good), strings.Replace(good, "live", "test", 1),
		swap(9), swap(40), swap(41), swap(42), swap(47), good[:40] + "é" + good[42:],
	} {
		if identity.IsKey(bad) {
			t.Errorf("%q is a key", bad)
		}
	}
}

// What is no key is known without the database: this one is closed.
func TestBrokenKeysCostNothing(t *testing.T) {
	t.Parallel()
	w := setup(t)
	if err := w.store.Close(); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"trl_live_x", "trl_test_" + identity.NewKeyText()[9:], identity.NewKeyText() + "x", "trl_refresh_x"} {
		_, err := w.Authenticate(t.Context(), bad)
		wantCode(t, err, fault.CodeInvalidToken)
	}
}

func FuzzIsKey(f *testing.F) {
	f.Add(identity.NewKeyText())
	f.Add("trl_live_00000000000000000000000000000000_000000")
	f.Add("trl_live_é")
	f.Fuzz(func(t *testing.T, text string) {
		if identity.IsKey(text) && (len(text) != 48 || strings.Trim(text[9:], "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_") != "") {
			t.Errorf("%q is taken for a key", text)
		}
	})
}
