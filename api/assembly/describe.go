package assembly

import (
	apiagents "github.com/trellishq/trellis/api/agents"
	apiaudit "github.com/trellishq/trellis/api/audit"
	apichannels "github.com/trellishq/trellis/api/channels"
	apicontacts "github.com/trellishq/trellis/api/contacts"
	apiidentity "github.com/trellishq/trellis/api/identity"
	"github.com/trellishq/trellis/api/inbox"
	"github.com/trellishq/trellis/api/ingress"
	apilabels "github.com/trellishq/trellis/api/labels"
	"github.com/trellishq/trellis/api/op"
	apiphrases "github.com/trellishq/trellis/api/phrases"
	apiqueues "github.com/trellishq/trellis/api/queues"
	apirouting "github.com/trellishq/trellis/api/routing"
	apistaffchat "github.com/trellishq/trellis/api/staffchat"
	apitenants "github.com/trellishq/trellis/api/tenants"
)

// description opens the API's document.
const description = `Trellis is a multi-tenant messaging platform: resellers provision tenants, tenants talk with their customers by SMS, and third-party frontends, apps and tools are built on this API.

Sign in with login and password for an access token, or use an API key; send either as ` + "`Authorization: Bearer`" + `. A tenant's data always lives under its tenant, so a URL says whose data it is.

Lists are read page by page with ` + "`next_cursor`" + `. Changes take an ` + "`Idempotency-Key`" + `: the same request again returns the same answer and does nothing twice. Resources carry an ` + "`ETag`" + `; with ` + "`If-Match`" + ` a change is refused when somebody else was faster. Whatever is refused is explained by a problem (RFC 9457) with a stable ` + "`code`" + `.`

// SystemTag is the chapter of operations about the program itself.
const systemTag = "System"

func tags() []op.Tag {
	return []op.Tag{
		{Name: apiidentity.AccessTag, Description: "Signing in, and who one is."},
		{Name: apitenants.BrandTag, Description: "How a tenant's product looks and speaks, inherited down the tree."},
		{Name: apitenants.Tag, Description: "The tree: operator, resellers, customers."},
		{Name: apiidentity.RolesTag, Description: "What people may do: permissions, and the roles that a tenant makes of them."},
		{Name: apiidentity.UsersTag, Description: "The people of a tenant and their roles."},
		{Name: apiidentity.DepartmentsTag, Description: "Groups of a tenant's users, and the modules that they open."},
		{Name: apiidentity.KeysTag, Description: "Access for machines."},
		{Name: apichannels.NumbersTag, Description: "The operator's telephone numbers and their way down the tree."},
		{Name: apichannels.Tag, Description: "A tenant's connections to the outside."},
		{Name: apicontacts.Tag, Description: "The people outside, and their wish to be left alone."},
		{Name: apiphrases.Tag, Description: "Texts that are prepared for answers, with placeholders."},
		{Name: apiqueues.Tag, Description: "Places where conversations wait, and who answers there."},
		{Name: apilabels.Tag, Description: "Words by which a tenant sorts its conversations: tags, and what they came to."},
		{Name: apiagents.Tag, Description: "Who is at work, who pauses and why, and how much everybody can take."},
		{Name: apirouting.Tag, Description: "Who gets what waits: offers, and why."},
		{Name: inbox.InteractionsTag, Description: "Conversations: what waits, and what becomes of it."},
		{Name: inbox.JourneyTag, Description: "Who a customer is, and what was said with him before."},
		{Name: inbox.NotesTag, Description: "What colleagues tell each other in a conversation, and the customer never sees."},
		{Name: inbox.MessagesTag, Description: "What was said, by text and picture."},
		{Name: apistaffchat.Tag, Description: "What the people of a tenant write to one another, in private and in groups."},
		{Name: ingress.Tag, Description: "What providers call."},
		{Name: apiidentity.ActAsTag, Description: "Working inside a tenant below one's own, seen by it."},
		{Name: apiaudit.Tag, Description: "Who changed what, and the proof that nobody touched the record."},
		{Name: systemTag, Description: "Whether the program runs."},
	}
}
