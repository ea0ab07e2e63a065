// Package authz answers one question: may this role do this action on this kind
// of object? Which tenant and which rows is not its business: the tree decides
// the former (Grant) and the scope the latter.
package authz

import "strings"

// Permission is an object and an action, written object:action.
type Permission string

// Public marks an operation that needs no caller; Authenticated one that any
// caller may use on what is his own. SignedIn is Authenticated, and open as well
// to who must change his password or set up a second factor first: what he needs
// for that, and the way out.
const (
	Public        Permission = "public"
	Authenticated Permission = "authenticated"
	SignedIn      Permission = "signed_in"
)

// Administration of the tree. These hold over a reseller's whole subtree.
const (
	TenantsRead    Permission = "tenants:read"
	TenantsWrite   Permission = "tenants:write"
	SettingsWrite  Permission = "settings:write"
	BrandRead      Permission = "brand:read"
	BrandWrite     Permission = "brand:write"
	ResellersRead  Permission = "resellers:read"
	ResellersWrite Permission = "resellers:write"
	UsersRead      Permission = "users:read"
	UsersWrite     Permission = "users:write"
	RolesRead      Permission = "roles:read"
	RolesWrite     Permission = "roles:write"
	APIKeysRead    Permission = "api_keys:read"
	APIKeysWrite   Permission = "api_keys:write"
	NumbersRead    Permission = "numbers:read"
	NumbersWrite   Permission = "numbers:write"
	NumbersAssign  Permission = "numbers:assign"
	ChannelsRead   Permission = "channels:read"
	ChannelsWrite  Permission = "channels:write"
	// What a tenant has is told to itself and decided above it.
	EntitlementsRead  Permission = "entitlements:read"
	EntitlementsWrite Permission = "entitlements:write"
	UsageRead         Permission = "usage:read"
	QueuesRead        Permission = "queues:read"
	QueuesWrite       Permission = "queues:write"
	TagsRead          Permission = "tags:read"
	TagsWrite         Permission = "tags:write"
	DispositionsRead  Permission = "dispositions:read"
	DispositionsWrite Permission = "dispositions:write"
	AuditRead         Permission = "audit:read"
	ActAsRead         Permission = "act_as:read"
	ActAsStart        Permission = "act_as:start"
	ActAsEnd          Permission = "act_as:end"
	PhrasesRead       Permission = "phrases:read"
	PhrasesWrite      Permission = "phrases:write"
	// Aux codes, and how the work of agents is measured.
	AgentSettingsRead  Permission = "agent_settings:read"
	AgentSettingsWrite Permission = "agent_settings:write"
)

// Content of one tenant. These hold in the caller's own tenant only.
const (
	ContactsRead         Permission = "contacts:read"
	ContactsWrite        Permission = "contacts:write"
	ContactListsRead     Permission = "contact_lists:read"
	ContactListsWrite    Permission = "contact_lists:write"
	InteractionsRead     Permission = "interactions:read"
	InteractionsMark     Permission = "interactions:mark"
	InteractionsReply    Permission = "interactions:reply"
	InteractionsStart    Permission = "interactions:start"
	InteractionsTake     Permission = "interactions:take"
	InteractionsAssign   Permission = "interactions:assign"
	InteractionsTransfer Permission = "interactions:transfer"
	InteractionsRetrieve Permission = "interactions:retrieve"
	InteractionsClose    Permission = "interactions:close"
	// InteractionsEdit is to change what stands on an interaction, and its status
	// but for closing it; InteractionsReopen to open a closed one.
	InteractionsEdit   Permission = "interactions:edit"
	InteractionsReopen Permission = "interactions:reopen"
	InteractionsLink   Permission = "interactions:link"
	OptOutsRead        Permission = "opt_outs:read"
	// Everybody keeps views of the inbox; shared ones are seen by all.
	InboxViewsWrite Permission = "inbox_views:write"
	InboxViewsShare Permission = "inbox_views:share"
	// What colleagues tell each other in a conversation. Secret notes are for
	// supervisors and the agent whose conversation it is.
	InteractionsTag Permission = "interactions:tag"
	NotesRead       Permission = "notes:read"
	NotesWrite      Permission = "notes:write"
	NotesSecret     Permission = "notes:secret"
	// What a queue offers to its members.
	OffersRead   Permission = "offers:read"
	OffersAnswer Permission = "offers:answer"
	// To see who is at work, to work oneself, and to pause others and log them off.
	AgentsRead      Permission = "agents:read"
	AgentsWork      Permission = "agents:work"
	AgentsSupervise Permission = "agents:supervise"
	// What colleagues write to one another is for those who take part.
	StaffMessagesRead  Permission = "staff_messages:read"
	StaffMessagesWrite Permission = "staff_messages:write"
	StaffGroupsWrite   Permission = "staff_groups:write"
)

// Departments, and with them the modules that users have.
const (
	DepartmentsRead  Permission = "departments:read"
	DepartmentsWrite Permission = "departments:write"
)

// PresenceWrite is to set one's own presence by hand, which the manuals give to
// those who administer (C-51).
const PresenceWrite Permission = "presence:write"

// administrative are the objects of the tree; all others are content.
var administrative = map[string]bool{
	"tenants":     true,
	"settings":    true,
	"brand":       true,
	"resellers":   true,
	"users":       true,
	"departments": true,
	"roles":       true,
	"api_keys":    true,
	"numbers":     true,
	"channels":    true,

	"entitlements": true,
	"usage":        true,
	"queues":       true,
	"tags":         true,
	"dispositions": true,
	"audit":        true,
	"act_as":       true,
	"phrases":      true,

	"agent_settings": true,
}

// Permissions lists every permission that a role can have, in the order of
// this file.
func Permissions() []Permission {
	return []Permission{
		TenantsRead, TenantsWrite,
		SettingsWrite,
		BrandRead, BrandWrite,
		ResellersRead, ResellersWrite,
		UsersRead, UsersWrite,
		DepartmentsRead, DepartmentsWrite,
		PresenceWrite,
		RolesRead, RolesWrite,
		APIKeysRead, APIKeysWrite,
		NumbersRead, NumbersWrite, NumbersAssign,
		ChannelsRead, ChannelsWrite,
		EntitlementsRead, EntitlementsWrite,
		UsageRead,
		QueuesRead, QueuesWrite,
		TagsRead, TagsWrite,
		DispositionsRead, DispositionsWrite,
		AgentSettingsRead, AgentSettingsWrite,
		AuditRead,
		ActAsRead, ActAsStart, ActAsEnd,
		PhrasesRead, PhrasesWrite,

		ContactsRead, ContactsWrite,
		ContactListsRead, ContactListsWrite,
		InteractionsRead, InteractionsMark, InteractionsReply, InteractionsStart,
		InteractionsTake, InteractionsAssign, InteractionsTransfer, InteractionsRetrieve, InteractionsClose,
		InteractionsEdit, InteractionsReopen,
		InteractionsLink,
		InboxViewsWrite, InboxViewsShare,
		OptOutsRead,
		InteractionsTag,
		NotesRead, NotesWrite, NotesSecret,
		OffersRead, OffersAnswer,
		AgentsRead, AgentsWork, AgentsSupervise,
		StaffMessagesRead, StaffMessagesWrite, StaffGroupsWrite,
	}
}

// Object is the part before the colon.
func (p Permission) Object() string { o, _, _ := strings.Cut(string(p), ":"); return o }

// Action is the part behind the colon.
func (p Permission) Action() string { _, a, _ := strings.Cut(string(p), ":"); return a }

// Administrative tells whether a permission is about the tree. Such a one holds
// over a reseller's subtree; content does not.
func (p Permission) Administrative() bool { return administrative[p.Object()] }
