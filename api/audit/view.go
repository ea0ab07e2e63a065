package audit

import (
	"encoding/hex"
	"encoding/json"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/events/audit"
)

// AuditEntry is a line of the audit log as clients see it.
type AuditEntry struct { //nolint:revive // the schema's name in the document, where there are others
	ID        uuid.UUID       `json:"id" doc:"The entry."`
	TenantID  uuid.UUID       `json:"tenant_id" doc:"The tenant that it happened in."`
	Seq       *int64          `json:"seq" format:"int64" minimum:"1" maximum:"9007199254740991" doc:"The entry's place in the tenant's chain, without gaps from 1 on; null for the moment until it has one." example:"42"`
	Hash      *string         `json:"hash" minLength:"64" maxLength:"64" pattern:"^[0-9a-f]{64}$" doc:"What the chain says up to here: noted down elsewhere, it proves later that nothing before it was touched. Null for as long as seq." example:"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"`
	Action    string          `json:"action" maxLength:"64" doc:"What was done, in the past tense." example:"user.updated"`
	Object    AuditObject     `json:"object" doc:"To what."`
	Actor     AuditActor      `json:"actor" doc:"By whom."`
	ActAsID   *uuid.UUID      `json:"act_as_id" nullable:"true" doc:"The act-as session that it was done in, or null."`
	IPAddress string          `json:"ip_address" maxLength:"45" doc:"Where it was done from; empty for the program's own work." example:"203.0.113.7"`
	RequestID string          `json:"request_id" maxLength:"64" doc:"The request that did it; empty for the program's own work." example:"0197b1f0-1c2a-7d3e-8f4a-5b6c7d8e9f02"`
	Changes   []AuditChange   `json:"changes" maxItems:"1000" doc:"The fields that differ. Secrets are never shown: that one was changed is."`
	Details   json.RawMessage `json:"details" doc:"What else was said about it: the data of the event of the same name, or null." example:"{\"reason\":\"logout\"}"`
	CreatedAt time.Time       `json:"created_at" doc:"When."`
}

// AuditObject is what something was done to.
type AuditObject struct { //nolint:revive // the schema's name in the document, where there are others
	Kind string    `json:"kind" maxLength:"64" doc:"What kind of thing." example:"user"`
	ID   uuid.UUID `json:"id" doc:"Which."`
}

// AuditActor is who did it.
type AuditActor struct { //nolint:revive // the schema's name in the document, where there are others
	Kind   string     `json:"kind" enum:"user,api_key,system,provider" doc:"A person, a key, the program itself, or a provider."`
	ID     *uuid.UUID `json:"id" nullable:"true" doc:"The user or the key; null for the program and for providers."`
	Name   string     `json:"name" maxLength:"200" doc:"What he was called then." example:"Ann Example"`
	UserID *uuid.UUID `json:"user_id" nullable:"true" doc:"The person behind it: the user himself, or who made the key."`
	// TenantID would tell who is above.
	TenantID  *uuid.UUID `json:"tenant_id" nullable:"true" doc:"Where that person is at home; null where that is above the caller's own tenant."`
	FromAbove bool       `json:"from_above" doc:"That person is staff of a provider above the caller's own tenant." example:"false"`
}

// AuditChange is one field before and after.
type AuditChange struct { //nolint:revive // the schema's name in the document, where there are others
	Field  string          `json:"field" maxLength:"200" doc:"The field." example:"name"`
	Before json.RawMessage `json:"before" doc:"What was there; null for nothing." example:"\"Ann\""`
	After  json.RawMessage `json:"after" doc:"What is there now; null for nothing." example:"\"Anna\""`
}

// view shows an entry to a caller who is at home at a path: nobody is told
// which tenants stand above his own.
func view(e audit.Entry, home string) AuditEntry {
	out := AuditEntry{
		ID: e.ID, TenantID: e.TenantID, Action: e.Action, Object: AuditObject{e.ObjectKind, e.ObjectID},
		Actor:   AuditActor{Kind: string(e.Actor.Kind), ID: e.Actor.ID, Name: e.Actor.Name, UserID: e.Actor.UserID},
		ActAsID: e.ActAsID, IPAddress: e.Address, RequestID: e.RequestID, CreatedAt: e.CreatedAt,
	}
	if e.Seq > 0 {
		hash := hex.EncodeToString(e.Hash)
		out.Seq, out.Hash = &e.Seq, &hash
	}
	if e.Actor.HomePath != "" {
		out.Actor.FromAbove = !isWithin(e.Actor.HomePath, home)
	}
	if e.Actor.HomePath != "" && !out.Actor.FromAbove {
		out.Actor.TenantID = last(e.Actor.HomePath)
	}
	above := above(home)
	out.Details = json.RawMessage(above.Replace(string(e.Details)))
	for _, c := range e.ChangedFields() {
		out.Changes = append(out.Changes, AuditChange{
			c.Field, json.RawMessage(above.Replace(string(c.Before))), json.RawMessage(above.Replace(string(c.After))),
		})
	}
	return out
}

// above takes the ids of the nodes above a home out of a text.
func above(home string) *strings.Replacer {
	steps := strings.Split(strings.Trim(home, "/"), "/")
	var pairs []string
	for _, id := range steps[:len(steps)-1] {
		pairs = append(pairs, id, "•••")
	}
	return strings.NewReplacer(pairs...)
}

// isWithin tells whether a home, as its path was then, is another or below it.
// Both may have been moved since, together with what is below them.
func isWithin(then, home string) bool {
	id := last(home)
	return id != nil && strings.Contains(then, "/"+id.String()+"/")
}

// last is the id that a path ends with.
func last(path string) *uuid.UUID {
	steps := strings.Split(strings.Trim(path, "/"), "/")
	id, err := uuid.Parse(steps[len(steps)-1])
	if err != nil {
		return nil
	}
	return &id
}
