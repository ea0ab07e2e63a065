// Package staffchat serves what the people of a tenant write to one another.
package staffchat

import (
	"context"
	"net/http"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/op"
	"github.com/trellishq/trellis/api/path"
	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/messaging/staffchat"
)

// Tag is the chapter of staff chats in the document.
const Tag = "Staff chats"

// Config is what the operations need.
type Config struct {
	Chats *staffchat.Service
	// Person is the user who asks. It fails with forbidden for keys, and for who
	// is at home elsewhere.
	Person func(context.Context) (uuid.UUID, error)
}

type handlers struct{ Config }

const (
	staffPath    = "/v1/tenants/{tenant_id}/staff"
	chatsPath    = "/v1/tenants/{tenant_id}/staff-chats"
	chatPath     = chatsPath + "/{chat_id}"
	messagesPath = chatPath + "/messages"
	messagePath  = messagesPath + "/{staff_message_id}"
	membersPath  = chatPath + "/members"
	memberPath   = membersPath + "/{user_id}"
)

// peopleOnly is said of every operation here.
const peopleOnly = " For people at home in the tenant: neither for API keys nor in act-as sessions. " +
	"Whoever administers the tenant can switch the function internal_messenger off for a user, whom all of it refuses with `messaging_disabled` then."

// membersOnly is said of operations on a chat.
const membersOnly = " A chat that one is not in does not exist, whatever one administers." + peopleOnly

var disabled = fault.CodeMessagingDisabled

// draftCodes are the ways in which a message can be refused.
var draftCodes = []fault.Code{
	disabled, fault.CodeEmptyMessage, fault.CodeMessageTooLong, fault.CodeNotFound, fault.CodeDuplicateMessage,
	fault.CodePictureTooLarge, fault.CodeWrongState,
}

// Register opens the operations on staff chats.
func Register(s *op.Surface, c Config) {
	h := handlers{c}
	h.registerChats(s)
	h.registerMessages(s)
	h.registerGroups(s)
}

func (h handlers) registerChats(s *op.Surface) {
	op.Register(s, authz.StaffMessagesRead, op.Spec{
		ID: "listStaff", Method: http.MethodGet, Path: staffPath, Tag: Tag,
		Summary: "List colleagues",
		Description: "Lists the active people of the tenant but oneself by name, with their presence and how much of what they wrote one has not read. " +
			"Whom an administrator keeps from the messenger is marked by `can_be_written_to`." + peopleOnly,
		Codes: []fault.Code{disabled},
	}, h.staff)
	op.Register(s, authz.StaffMessagesRead, op.Spec{
		ID: "listStaffChats", Method: http.MethodGet, Path: chatsPath, Tag: Tag,
		Summary:     "List one's chats",
		Description: "Lists the private chats and the groups that one is in, the one with the latest message on top, each with what is unread." + peopleOnly,
		Codes:       []fault.Code{disabled},
	}, h.chats)
	op.Register(s, authz.StaffMessagesRead, op.Spec{
		ID: "getUnreadStaffMessages", Method: http.MethodGet, Path: chatsPath + "/unread", Tag: Tag,
		Summary:     "Count what one has not read",
		Description: "Counts the messages of colleagues that one has not read, in all chats in use." + peopleOnly,
		Codes:       []fault.Code{disabled},
	}, h.unread)
	op.Register(s, authz.StaffMessagesRead, op.Spec{
		ID: "getStaffChat", Method: http.MethodGet, Path: chatPath, Tag: Tag,
		Summary: "Show a chat", Description: "Shows one chat as the caller sees it." + membersOnly,
		Codes: []fault.Code{disabled},
	}, h.chat)
	op.Register(s, authz.StaffMessagesRead, op.Spec{
		ID: "listStaffChatMembers", Method: http.MethodGet, Path: membersPath, Tag: Tag,
		Summary: "List a chat's members", Description: "Lists who is in a chat, with presence and how far each has read." + membersOnly,
		Codes: []fault.Code{disabled},
	}, h.members)
}

func (h handlers) registerMessages(s *op.Surface) {
	op.Register(s, authz.StaffMessagesRead, op.Spec{
		ID: "listStaffMessages", Method: http.MethodGet, Path: messagesPath, Tag: Tag,
		Summary: "List what was written", Description: "Lists the messages of a chat, the newest first unless `order=asc`. Nothing is marked as read." + membersOnly,
		Codes: []fault.Code{disabled},
	}, h.messages)
	op.Register(s, authz.StaffMessagesWrite, op.Spec{
		ID: "sendPrivateMessage", Method: http.MethodPost, Path: staffPath + "/{user_id}/messages", Tag: Tag, Status: http.StatusCreated,
		Summary: "Write to a colleague",
		Description: "Sends a private message to an active person of the tenant. The first one makes the chat of the two. " +
			"Repeat a request whose answer got lost with the same Idempotency-Key, or with the same `client_message_id`." + peopleOnly,
		Codes: draftCodes,
	}, h.writeTo)
	op.Register(s, authz.StaffMessagesWrite, op.Spec{
		ID: "sendStaffMessage", Method: http.MethodPost, Path: messagesPath, Tag: Tag, Status: http.StatusCreated,
		Summary: "Write in a chat",
		Description: "Sends a message to all who are in a chat. Members of a group write unless they, or the whole group, were made read-only. " +
			"Repeat a request whose answer got lost with the same Idempotency-Key, or with the same `client_message_id`." + membersOnly,
		Codes: draftCodes,
	}, h.post)
	op.Register(s, authz.StaffMessagesWrite, op.Spec{
		ID: "updateStaffMessage", Method: http.MethodPatch, Path: messagePath, Tag: Tag,
		Summary: "Change one's message", Description: "Changes the text of a message of one's own, which shows that it was edited." + membersOnly,
		Codes: draftCodes,
	}, h.edit)
	op.Register(s, authz.StaffMessagesWrite, op.Spec{
		ID: "deleteStaffMessage", Method: http.MethodDelete, Path: messagePath, Tag: Tag,
		Summary: "Delete one's message", Description: "Takes the text and the pictures of a message of one's own away for everybody. Its place stays, and counts as unread for nobody." + membersOnly,
		Codes: []fault.Code{disabled},
	}, h.delete)
	op.Register(s, authz.StaffMessagesRead, op.Spec{
		ID: "markStaffChatRead", Method: http.MethodPost, Path: chatPath + "/read", Tag: Tag, BodyOptional: true,
		Summary: "Mark a chat as read", Description: "Moves one's own marker to a message, or to the last one. It never goes back." + membersOnly,
		Codes: []fault.Code{disabled, fault.CodeNotFound},
	}, h.markRead)
}

func (h handlers) registerGroups(s *op.Surface) {
	op.Register(s, authz.StaffGroupsWrite, op.Spec{
		ID: "createStaffGroup", Method: http.MethodPost, Path: chatsPath, Tag: Tag, Status: http.StatusCreated,
		Summary: "Make a group", Description: "Makes a group of colleagues, whose administrator one is. A group can have 200 members." + peopleOnly,
		Codes: []fault.Code{disabled, fault.CodeNotFound},
	}, h.createGroup)
	op.Register(s, authz.StaffGroupsWrite, op.Spec{
		ID: "updateStaffGroup", Method: http.MethodPatch, Path: chatPath, Tag: Tag,
		Summary:     "Change a group",
		Description: "Renames a group, or makes it read-only for its members. For its administrators; where none of them is active, for an administrator or manager of the tenant who is a member." + membersOnly,
		Codes:       []fault.Code{disabled, fault.CodeWrongState},
	}, h.updateGroup)
	op.Register(s, authz.StaffGroupsWrite, op.Spec{
		ID: "archiveStaffGroup", Method: http.MethodPost, Path: chatPath + "/archive", Tag: Tag,
		Summary: "Archive a group", Description: "Ends a group. What was said stays readable for its members." + membersOnly,
		Codes: []fault.Code{disabled, fault.CodeWrongState},
	}, h.archiveGroup)
	op.Register(s, authz.StaffGroupsWrite, op.Spec{
		ID: "setStaffGroupMember", Method: http.MethodPut, Path: memberPath, Tag: Tag,
		Summary: "Put a colleague into a group",
		Description: "Makes a colleague a member of a group, or changes what he is there: administrators write and administer, members write unless they are read-only. " +
			"A new member reads what was said before, and has none of it as unread." + membersOnly,
		Codes: []fault.Code{disabled, fault.CodeWrongState, fault.CodeConflict},
	}, h.setMember)
	op.Register(s, authz.StaffMessagesWrite, op.Spec{
		ID: "removeStaffGroupMember", Method: http.MethodDelete, Path: memberPath, Tag: Tag,
		Summary:     "Take somebody out of a group, or leave it",
		Description: "Administrators of a group take anybody out of it, everybody leaves it himself. The last administrator cannot go while others are in it. For who is out, the group does not exist any more." + membersOnly,
		Codes:       []fault.Code{disabled, fault.CodeWrongState, fault.CodeConflict},
	}, h.removeMember)
}

// ChatPath names one chat.
type ChatPath struct {
	path.Tenant
	ChatID uuid.UUID `path:"chat_id" doc:"The chat."`
}

// MessagePath names one message of a chat.
type MessagePath struct {
	ChatPath
	MessageID uuid.UUID `path:"staff_message_id" doc:"The message."`
}

// MemberPath names one member of a chat.
type MemberPath struct {
	ChatPath
	UserID uuid.UUID `path:"user_id" doc:"The colleague."`
}
