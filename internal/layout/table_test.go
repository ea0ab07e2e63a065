package layout_test

// layer is a line of the import table: packages that stand on the same height.
type layer struct {
	packages []string
	// together lets them import one another.
	together bool
}

// layers is the import table of docs/architecture.md. A package imports what
// stands above it, and neither what stands below nor its neighbours. A name
// that ends in /... covers the folder and all below it; the longest match wins.
// Tests may import more: they stand outside.
var layers = []layer{
	// Leaves, and those that stand on leaves only.
	{together: true, packages: []string{
		"internal/builtin", "internal/clock", "internal/config", "internal/excerpt", "internal/fault", "internal/httpx", "internal/id",
		"internal/layout", "internal/phone", "internal/picture", "internal/ratelimit", "internal/secret",
		"internal/oidc", "internal/sheet", "internal/smtp", "internal/telemetry", "tenants/recent", "tenants/scope",
	}},
	{together: true, packages: []string{"ent/..."}},
	{packages: []string{"authz"}},

	// Providers know nothing of tenants and rows.
	{packages: []string{"channels/provider"}},
	{packages: []string{"channels/provider/...", "channels/provider/segments"}},
	{packages: []string{"channels/provider/sandbox"}},
	{packages: []string{"channels/provider/providers"}},

	{packages: []string{"internal/store"}},
	{packages: []string{"internal/idempotency", "internal/testkit"}},
	{packages: []string{"jobs"}},
	{packages: []string{"events/audit"}},
	{packages: []string{"events"}},
	{packages: []string{"tenants"}},
	{packages: []string{"tenants/mail", "tenants/purge", "identity/departments"}},
	{packages: []string{"identity", "channels"}},
	{packages: []string{"channels/numbers"}},

	// Conversations: imports go up this list only.
	{packages: []string{
		"messaging/contacts", "messaging/consent", "messaging/labels", "messaging/phrases", "messaging/queues", "messaging/transcript",
	}},
	{packages: []string{"messaging/contacts", "messaging/consent", "messaging/labels", "messaging/queues"}},
	{packages: []string{"messaging/contacts", "messaging/consent", "messaging/phrases", "messaging/queues"}},
	{packages: []string{"messaging/contacts", "messaging/consent", "messaging/queues"}},
	{packages: []string{"messaging/agents"}},
	{packages: []string{"messaging/attachments"}},
	{packages: []string{"messaging/interactions"}},
	{packages: []string{"messaging/routing"}},
	{packages: []string{"messaging/staffchat"}},
	{packages: []string{"messaging/intake"}},
	{packages: []string{"jobs/worker"}},

	// The surface.
	{packages: []string{"api/op", "api/path"}},
	{packages: []string{"api/tenants"}},
	{packages: []string{"api/..."}},
	{packages: []string{"api/assembly"}}, // puts everything together
	{packages: []string{"api/apitest"}},  // the whole program in one process
	{packages: []string{"api"}},          // tests of the whole API
	{together: true, packages: []string{"cmd/..."}},
}

// ban is a rule that the order of layers does not say. Names are as above.
type ban struct {
	whom   []string
	except []string // who may all the same
	who    []string // whom it binds; nil for everybody
	why    string
}

var bans = []ban{
	{
		who: []string{"api/..."}, except: []string{"api/assembly", "api/apitest"},
		whom: []string{"ent/...", "internal/store", "jobs/...", "events"},
		why:  "a handler converts in, calls one service and converts out; rows never reach JSON",
	},
	{
		who: []string{"channels/provider/..."}, except: []string{"channels/provider/providers"},
		whom: []string{"ent/...", "authz", "tenants/...", "internal/secret", "internal/config", "internal/telemetry"},
		why:  "an adapter knows its provider and nothing of tenants",
	},
	{
		except: []string{"api/assembly", "cmd/...", "api/apitest"},
		whom:   []string{"channels/provider/providers"},
		why:    "which providers there are is decided where the program is put together",
	},
	{
		// sandbox plays the operator's carrier, and speaks as its adapter does;
		// apitest signs callbacks as the carrier would.
		except: []string{"channels/provider/providers", "channels/provider/sandbox", "api/apitest"},
		whom:   []string{"channels/provider/twilio", "channels/provider/clickatell", "channels/provider/scopserv"},
		why:    "services ask for capabilities, never for a provider",
	},
	{
		except: []string{"jobs/...", "api/assembly", "api/apitest", "cmd/..."},
		whom:   []string{"jobs/..."},
		why:    "a service makes a row due and wakes whoever looks; what carries the work is not its business",
	},
	{
		except: []string{"cmd/..."},
		whom:   []string{"internal/config"},
		why:    "everything but a command is handed its settings",
	},
	{
		except: []string{"cmd/...", "internal/testkit", "ent/migrate/diff"},
		whom:   []string{"internal/builtin"},
		why:    "services take a URL and do not care whose server it is",
	},
	{
		except: []string{"api/apitest"},
		whom:   []string{"internal/testkit", "api/apitest", "channels/provider/providertest"},
		why:    "test kits are for tests",
	},
	{
		except: []string{"api/apitest", "cmd/..."},
		whom:   []string{"channels/provider/sim"},
		why:    "simulated carriers are for tests, for demonstrations and for the simulator command",
	},
}

// library says who owns a third-party module, or a part of one.
type library struct {
	path string
	// by are the folders that may import it; anybody for all.
	by []string
	// tests are folders whose tests may import it too.
	tests []string
}

var anybody = []string{"..."}

// libraries lists every library that is imported. One that is new needs a line,
// and with it a decision; one that is gone loses its line.
var libraries = []library{
	{path: "ariga.io/atlas", by: []string{"ent/migrate/diff"}},
	{path: "entgo.io/ent", by: []string{"ent/...", "internal/store"}},
	// Orders and predicates of queries; drivers are the store's.
	{path: "entgo.io/ent/dialect/sql", by: []string{
		"ent/...", "internal/store", "tenants", "identity/...", "channels/...", "messaging/...",
	}},
	{path: "github.com/alecthomas/kong", by: []string{"cmd/trellis"}},
	{path: "github.com/alicebob/miniredis", by: []string{"internal/builtin"}},
	{path: "github.com/caarlos0/env", by: []string{"internal/config"}},
	{path: "github.com/casbin/casbin", by: []string{"authz"}},
	{path: "github.com/coreos/go-oidc", by: []string{"internal/oidc"}},
	{path: "github.com/danielgtaylor/huma", by: []string{"api/op"}},
	{path: "github.com/emersion/go-sasl", tests: []string{"internal/smtp"}},
	{path: "github.com/emersion/go-smtp", by: []string{"api/apitest"}, tests: []string{"internal/smtp"}}, // the server of tests
	{path: "github.com/fergusstrange/embedded-postgres", by: []string{"internal/builtin"}},
	// figures measures the bare router beside ours.
	{path: "github.com/go-chi/chi", by: []string{"api/op", "cmd/figures"}},
	{path: "github.com/golang-jwt/jwt", by: []string{"identity"}},
	{path: "github.com/google/go-cmp", by: []string{"channels/provider/providertest"}, tests: anybody},
	{path: "github.com/google/uuid", by: anybody}, // a type; values are made by internal/id
	{path: "github.com/hibiken/asynq", by: []string{"jobs"}},
	// testkit and diff make databases; figures measures the bare driver beside ours.
	{
		path: "github.com/lib/pq", by: []string{"internal/store", "internal/testkit", "ent/migrate/diff", "cmd/figures"},
		tests: []string{"internal/builtin"},
	},
	{path: "github.com/nyaruka/phonenumbers", by: []string{"internal/phone"}},
	{path: "github.com/pquerna/otp", by: []string{"identity"}, tests: []string{"api"}},
	{path: "github.com/pressly/goose", by: []string{"internal/store"}},
	{path: "github.com/prometheus/client_golang", by: []string{"internal/telemetry"}},
	{path: "github.com/redis/go-redis", by: []string{"jobs", "internal/ratelimit"}, tests: []string{"internal/builtin", "api"}},
	{path: "github.com/santhosh-tekuri/jsonschema", by: []string{"api/apitest"}}, // holds answers against openapi.yaml
	{path: "github.com/twilio/twilio-go", by: []string{"channels/provider/twilio"}, tests: []string{"channels/provider/sim"}},
	{path: "github.com/wneessen/go-mail", by: []string{"internal/smtp"}},
	{path: "github.com/xi2/xz", by: []string{"internal/builtin"}},
	{path: "go.uber.org/goleak", tests: anybody},
	{path: "gocloud.dev/blob", by: []string{"messaging/attachments"}},
	{path: "github.com/xuri/excelize", by: []string{"internal/sheet"}, tests: []string{"api"}},
	{path: "gocloud.dev/gcerrors", by: []string{"messaging/attachments"}},
	{path: "golang.org/x/crypto", by: []string{"identity"}},
	{path: "golang.org/x/sys", by: []string{"identity"}},
	{path: "golang.org/x/net/idna", by: []string{"internal/httpx"}},
	{path: "golang.org/x/net/dns", tests: []string{"internal/httpx"}},
	{path: "golang.org/x/oauth2", by: []string{"internal/oidc"}},
	{path: "golang.org/x/sync", by: []string{"jobs"}},
	{path: "golang.org/x/text", by: []string{
		"channels/provider/segments", "identity", "messaging/consent", "messaging/phrases", "messaging/staffchat", "tenants",
		"channels/provider/segments", "identity", "internal/excerpt", "messaging/consent", "messaging/phrases", "tenants",
	}},
	{path: "pgregory.net/rapid", tests: anybody},
}
