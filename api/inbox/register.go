package inbox

import (
	"context"
	"net/http"

	"github.com/trellishq/trellis/api/op"
	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/messaging/attachments"
	"github.com/trellishq/trellis/messaging/interactions"
	"github.com/trellishq/trellis/messaging/phrases"
)

// Tags of the document's chapters.
const (
	InteractionsTag = "Interactions"
	MessagesTag     = "Messages"
	NotesTag        = "Notes"
)

// Config is what the operations need.
type Config struct {
	Interactions *interactions.Service
	Attachments  *attachments.Service
	// Caller says who asks, and whether he reaches only what is his own.
	Caller func(context.Context) interactions.Caller
	// May tells whether the caller has a permission in the tenant of the path.
	May func(context.Context, authz.Permission) bool
	// Viewer says to whom phrases are offered.
	Viewer func(context.Context) phrases.Viewer
}

type handlers struct{ Config }

const (
	interactionsPath = "/v1/tenants/{tenant_id}/interactions"
	interactionPath  = interactionsPath + "/{interaction_id}"
	messagesPath     = "/v1/tenants/{tenant_id}/messages"
	attachmentsPath  = "/v1/tenants/{tenant_id}/attachments"
)

// ownOnly is said of every operation that narrows rows by role.
const ownOnly = " Managers and administrators see all of the tenant. Agents and users see the interactions that are assigned to them, those that nobody has been given in queues of which they are members, " +
	"and of the closed ones those in which they took part; for them all others do not exist."

// ownActs is said of what agents and users do with their own alone.
const ownActs = " Agents and users do it with what is assigned to them; 409 `wrong_assignee` where that is not so, or not so any more."

// sendCodes are the ways in which a message can be refused.
var sendCodes = []fault.Code{
	fault.CodeQuotaExceeded,
	fault.CodeEmptyMessage, fault.CodeMessageTooLong, fault.CodeTooManySegments, fault.CodeNotCapable,
	fault.CodeChannelInactive, fault.CodeDuplicateMessage, fault.CodeWrongState, fault.CodePictureTooLarge, fault.CodeNotFound,
	fault.CodeMissingValue, fault.CodeOptedOut,
}

// Register opens the operations on interactions, messages and attachments.
func Register(s *op.Surface, c Config) {
	h := handlers{c}
	h.registerInteractions(s)
	h.registerViews(s)
	h.registerReading(s)
	h.registerTagging(s)
	h.registerLife(s)
	h.registerSettings(s)
	h.registerTranscript(s)
	h.registerDisposing(s)
	h.registerViewers(s)
	h.registerNotes(s)
	h.registerDrafts(s)
	h.registerDesk(s)
	h.registerBulk(s)
	h.registerQueueCounts(s)
	h.registerMessages(s)
	h.registerPhrases(s)
	h.registerSchedule(s)
	h.registerReminders(s)
	h.registerAttachments(s)
	h.registerJourney(s)
	h.registerLinks(s)
}

func (h handlers) registerInteractions(s *op.Surface) {
	op.Register(s, authz.InteractionsRead, op.Spec{
		ID: "listInteractions", Method: http.MethodGet, Path: interactionsPath, Tag: InteractionsTag,
		Summary: "List interactions",
		Description: "Lists conversations, the latest message first unless `sort` says otherwise. `view=active` is what is not closed, `view=assigned` the caller's own list, " +
			"`view=snoozed` what he has put off by a reminder, `view=closed` what is over, `view=missed` what was closed and never dealt with, and `view=all` the full history. " +
			"Filters are joined by AND; a repeated parameter is OR. Each row has the names of what it is about." + ownOnly,
	}, h.list)
	op.Register(s, authz.InteractionsRead, op.Spec{
		ID: "getInteractionCounters", Method: http.MethodGet, Path: interactionsPath + "/counters", Tag: InteractionsTag,
		Summary: "Count interactions",
		Description: "Counts what the caller sees, for the numbers beside the views of an inbox: what is his, what nobody has, each queue, each status, " +
			"and what was closed today. The numbers are exact, and cost the same however many interactions there are.",
	}, h.counters)
	op.Register(s, authz.InteractionsRead, op.Spec{
		ID: "getInteraction", Method: http.MethodGet, Path: interactionPath, Tag: InteractionsTag,
		Summary: "Show an interaction", Description: "Shows one conversation; its messages are a list of their own." + ownOnly,
	}, h.get)
	op.Register(s, authz.InteractionsRead, op.Spec{
		ID: "listInteractionLog", Method: http.MethodGet, Path: interactionPath + "/log", Tag: InteractionsTag,
		Summary:     "List what happened to an interaction",
		Description: "Lists how a conversation began, who had it and when, and how it ended, in sentences that can be shown between its messages." + ownOnly,
	}, h.log)
	op.Register(s, authz.InteractionsClose, op.Spec{
		ID: "closeInteraction", Method: http.MethodPost, Path: interactionPath + "/close", Tag: InteractionsTag,
		Summary: "Close an interaction",
		Description: "Ends a conversation. It leaves the active view and stays in the history; what the customer writes later begins a new one, " +
			"or opens it again where the channel says so (`reopen_within_hours`). Closed by others than an agent, it stays in its assignee's list until he hides it. " +
			"With `disposition_id` it is closed and disposed in one; a queue can require that." + ownActs,
		Codes: []fault.Code{fault.CodeWrongState, fault.CodeWrongAssignee, fault.CodeNotFound, fault.CodeDispositionRequired},
	}, h.close)
}

func (h handlers) registerMessages(s *op.Surface) {
	op.Register(s, authz.InteractionsRead, op.Spec{
		ID: "listMessages", Method: http.MethodGet, Path: interactionPath + "/messages", Tag: MessagesTag,
		Summary: "List messages", Description: "Lists what was said in an interaction, the newest first unless `order=asc`." + ownOnly,
	}, h.messages)
	op.Register(s, authz.InteractionsReply, op.Spec{
		ID: "replyToInteraction", Method: http.MethodPost, Path: interactionPath + "/messages", Tag: MessagesTag, Status: http.StatusCreated,
		Summary: "Reply",
		Description: "Sends a message in an interaction. It is created `queued` and handed to the provider in the order of the conversation; with `send_at` it is `scheduled` until then. " +
			"An interaction that waited for an answer becomes `open`." + ownActs,
		Codes: append([]fault.Code{fault.CodeWrongAssignee}, sendCodes...),
	}, h.reply)
	op.Register(s, authz.InteractionsStart, op.Spec{
		ID: "sendMessage", Method: http.MethodPost, Path: messagesPath, Tag: MessagesTag, Status: http.StatusCreated,
		Summary: "Send a new message",
		Description: "Sends a message to a telephone number or a contact. It joins the conversation with that address which is not closed, or opens one. " +
			"Repeat a request whose answer got lost with the same Idempotency-Key, or with the same `client_message_id`.",
		Codes: append([]fault.Code{fault.CodeInvalidAddress, fault.CodeOwnNumber}, sendCodes...),
	}, h.start)
	op.Register(s, authz.InteractionsReply, op.Spec{
		ID: "previewMessage", Method: http.MethodPost, Path: messagesPath + "/preview", Tag: MessagesTag,
		Summary: "Preview a message", Description: "Tells in how many SMS segments a text would travel, and which characters make it more expensive. Nothing is sent.",
		Codes: []fault.Code{fault.CodeMessageTooLong, fault.CodeNotFound},
	}, h.preview)
	op.Register(s, authz.InteractionsRead, op.Spec{
		ID: "getMessage", Method: http.MethodGet, Path: messagesPath + "/{message_id}", Tag: MessagesTag,
		Summary: "Show a message", Description: "Shows one message with its delivery status." + ownOnly,
	}, h.message)
	op.Register(s, authz.InteractionsReply, op.Spec{
		ID: "resendMessage", Method: http.MethodPost, Path: messagesPath + "/{message_id}/resend", Tag: MessagesTag, Status: http.StatusCreated,
		Summary: "Send a failed message again", Description: "Sends the text and pictures of a message that did not arrive as a new message, which names the old one in `resent_of_id`." + ownOnly,
		Codes: sendCodes,
	}, h.resend)
	op.Register(s, authz.InteractionsRead, op.Spec{
		ID: "listMessageStatusEvents", Method: http.MethodGet, Path: messagesPath + "/{message_id}/status-events", Tag: MessagesTag,
		Summary: "List delivery reports", Description: "Lists everything that the provider reported about a message, also what came late and changed nothing, oldest first." + ownOnly,
	}, h.statusEvents)
}

func (h handlers) registerAttachments(s *op.Surface) {
	op.Register(s, authz.InteractionsReply, op.Spec{
		ID: "uploadAttachment", Method: http.MethodPost, Path: attachmentsPath, Tag: MessagesTag, Status: http.StatusCreated,
		Summary: "Upload a picture",
		Description: "Keeps a JPEG or PNG picture for a message; what it is is decided by its content. What a picture tells about the place it was taken at is removed. " +
			"Name the attachment in the message that carries it.",
		Codes:        []fault.Code{fault.CodePictureType, fault.CodePictureTooLarge, fault.CodeQuotaExceeded},
		MaxBodyBytes: attachments.MaxBytes,
	}, h.upload)
	op.Register(s, authz.InteractionsRead, op.Spec{
		ID: "getAttachment", Method: http.MethodGet, Path: attachmentsPath + "/{attachment_id}", Tag: MessagesTag,
		Summary: "Show an attachment", Description: "Shows what is known of a picture, with a link to it that ends after a quarter of an hour.",
	}, h.attachment)
	op.Register(s, authz.Public, op.Spec{
		ID: "getMedia", Method: http.MethodGet, Path: "/media/{link}", Tag: MessagesTag,
		Summary: "Download a picture", Description: "Follows a signed link to a picture. Nothing but the link is needed, and it ends after a while. Answers GET and HEAD.",
	}, h.media)
}
