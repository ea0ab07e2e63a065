// Package queues serves the places where conversations wait, and who answers
// there.
package queues

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/op"
	"github.com/trellishq/trellis/api/path"
	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/messaging/queues"
)

// Tag is the chapter of queues in the document.
const Tag = "Queues"

type handlers struct{ queues *queues.Service }

const (
	listPath  = "/v1/tenants/{tenant_id}/queues"
	queuePath = listPath + "/{queue_id}"
)

// Register opens the operations on queues.
func Register(s *op.Surface, service *queues.Service) {
	h := handlers{service}
	op.Register(s, authz.QueuesRead, op.Spec{
		ID: "listQueues", Method: http.MethodGet, Path: listPath, Tag: Tag,
		Summary: "List queues", Description: "Lists the tenant's queues in use, or those that were archived, oldest first.",
	}, h.list)
	op.Register(s, authz.QueuesWrite, op.Spec{
		ID: "createQueue", Method: http.MethodPost, Path: listPath, Tag: Tag, Status: http.StatusCreated,
		Summary: "Create a queue",
		Description: "Makes a queue without members. Conversations come into it by a channel whose destination it is. " +
			"The name is unique among the tenant's queues in use, in capitals or not.",
		Codes: []fault.Code{fault.CodeNameTaken},
	}, h.create)
	op.Register(s, authz.QueuesRead, op.Spec{
		ID: "getQueue", Method: http.MethodGet, Path: queuePath, Tag: Tag,
		Summary: "Show a queue", Description: "Shows one queue; an archived one as well.",
	}, h.get)
	op.Register(s, authz.QueuesWrite, op.Spec{
		ID: "updateQueue", Method: http.MethodPatch, Path: queuePath, Tag: Tag,
		Summary: "Change a queue", Description: "Changes the settings of a queue in use that are sent.",
		Codes: []fault.Code{fault.CodeNameTaken, fault.CodeWrongState},
	}, h.update)
	op.Register(s, authz.QueuesWrite, op.Spec{
		ID: "archiveQueue", Method: http.MethodPost, Path: queuePath + "/archive", Tag: Tag,
		Summary: "Archive a queue",
		Description: "Takes a queue out of use and frees its name. What waits in it stays with its members. " +
			"While a channel delivers to the queue it is refused.",
		Codes: []fault.Code{fault.CodeWrongState, fault.CodeConflict},
	}, h.archive)
	op.Register(s, authz.QueuesRead, op.Spec{
		ID: "getQueueMembers", Method: http.MethodGet, Path: queuePath + "/members", Tag: Tag,
		Summary: "Show a queue's members", Description: "Names the agents and managers who answer in a queue.",
	}, h.members)
	op.Register(s, authz.QueuesWrite, op.Spec{
		ID: "setQueueMembers", Method: http.MethodPut, Path: queuePath + "/members", Tag: Tag,
		Summary: "Set a queue's members",
		Description: "Says who answers in a queue from now on: active agents and managers of the tenant. " +
			"An agent sees the conversations of his queues that nobody has been given, beside his own.",
		Codes: []fault.Code{fault.CodeNotFound, fault.CodeWrongState},
	}, h.setMembers)
	h.registerManagers(s)
}

// Queue is a queue as clients see it.
type Queue struct {
	ID           uuid.UUID `json:"id" doc:"The queue."`
	Name         string    `json:"name" maxLength:"200" doc:"What people call it." example:"Orders"`
	Description  string    `json:"description" maxLength:"2000" doc:"What it is for; may be empty." example:"Orders and returns"`
	SelfAssign   bool      `json:"self_assign" doc:"Agents may take what waits in it although nothing is assigned by itself (takeInteraction)."`
	ScreenPopURL string    `json:"screen_pop_url" maxLength:"2000" doc:"Opened where one of its conversations is, with placeholders (getInteractionScreenPop); empty for none." example:"https://crm.example/?phone={address}"`
	Assignment
	DispositionRequired bool       `json:"disposition_required" doc:"Whoever closes one of its conversations has to say what it came to (closeInteraction)."`
	ArchivedAt          *time.Time `json:"archived_at" doc:"When it was taken out of use, or null."`
	CreatedAt           time.Time  `json:"created_at" doc:"When it was made."`
	UpdatedAt           time.Time  `json:"updated_at" doc:"When it was changed last."`
}

func view(q queues.Queue) Queue {
	return Queue{
		ID: q.ID, Name: q.Name, Description: q.Description, SelfAssign: q.SelfAssign, ScreenPopURL: q.ScreenPopURL,
		DispositionRequired: q.DispositionRequired,
		Assignment:          assignmentView(q), ArchivedAt: q.ArchivedAt, CreatedAt: q.CreatedAt, UpdatedAt: q.UpdatedAt,
	}
}

// ListInput is the input of listQueues.
type ListInput struct {
	path.Tenant
	op.Page
	View      string    `query:"view" enum:"active,archived" default:"active" doc:"Those in use, or those that were archived."`
	MemberID  uuid.UUID `query:"member_id" doc:"Only queues in which this user answers."`
	ManagerID uuid.UUID `query:"manager_id" doc:"Only queues for which this user is responsible."`
}

func (h handlers) list(ctx context.Context, in *ListInput) (*op.List[Queue], error) {
	after, err := op.After[path.Key](ctx, in.Page)
	if err != nil {
		return nil, err
	}
	rows, err := h.queues.List(ctx, queues.Filter{Archived: in.View == "archived", MemberID: in.MemberID, ManagerID: in.ManagerID}, after.After(), in.Fetch())
	if err != nil {
		return nil, err
	}
	return op.Listing(ctx, in.Page, rows, view, func(q queues.Queue) path.Key { return path.Key{ID: q.ID} })
}

// CreateQueue is the body of createQueue.
type CreateQueue struct {
	Name                string  `json:"name" minLength:"1" maxLength:"200" doc:"What people call it." example:"Orders"`
	Description         *string `json:"description,omitempty" maxLength:"2000" doc:"What it is for." example:"Orders and returns"`
	SelfAssign          *bool   `json:"self_assign,omitempty" default:"false" doc:"Whether agents may take what waits in it although nothing is assigned by itself."`
	ScreenPopURL        *string `json:"screen_pop_url,omitempty" maxLength:"2000" doc:"What is opened where one of its conversations is; https, with placeholders outside of the host." example:"https://crm.example/?phone={address}"`
	DispositionRequired *bool   `json:"disposition_required,omitempty" default:"false" doc:"Whether whoever closes one of its conversations has to say what it came to."`
	CreateAssignment
}

// CreateInput is the input of createQueue.
type CreateInput struct {
	path.Tenant
	Body CreateQueue
}

// Created is the output of createQueue.
type Created struct {
	op.Location
	op.ETag
	Body Queue
}

func (h handlers) create(ctx context.Context, in *CreateInput) (*Created, error) {
	assignment, err := in.Body.settings()
	if err != nil {
		return nil, err
	}
	q, err := h.queues.Create(ctx, in.Body.Name, queues.Settings{
		Assignment:  assignment,
		Description: in.Body.Description, SelfAssign: in.Body.SelfAssign, ScreenPopURL: in.Body.ScreenPopURL,
		DispositionRequired: in.Body.DispositionRequired,
	})
	if err != nil {
		return nil, err
	}
	return &Created{op.At("/v1/tenants/%s/queues/%s", in.TenantID, q.ID), op.Version(int64(q.Version)), view(q)}, nil
}

// Path names one queue.
type Path struct {
	path.Tenant
	QueueID uuid.UUID `path:"queue_id" doc:"The queue."`
}

// Shown is the output of operations that show one queue.
type Shown struct {
	op.ETag
	Body Queue
}

func shown(q queues.Queue, err error) (*Shown, error) {
	if err != nil {
		return nil, err
	}
	return &Shown{op.Version(int64(q.Version)), view(q)}, nil
}

func (h handlers) get(ctx context.Context, in *Path) (*Shown, error) {
	return shown(h.queues.Get(ctx, in.QueueID))
}

// UpdateQueue is the body of updateQueue.
type UpdateQueue struct {
	Name                op.Optional[string] `json:"name,omitzero" nullable:"false" minLength:"1" maxLength:"200" doc:"What people call it." example:"Orders"`
	Description         op.Optional[string] `json:"description,omitzero" nullable:"false" maxLength:"2000" doc:"What it is for." example:"Orders and returns"`
	SelfAssign          op.Optional[bool]   `json:"self_assign,omitzero" nullable:"false" doc:"Whether agents may take what waits in it although nothing is assigned by itself."`
	ScreenPopURL        op.Optional[string] `json:"screen_pop_url,omitzero" nullable:"false" maxLength:"2000" doc:"What is opened where one of its conversations is; https, with placeholders outside of the host; empty for nothing." example:"https://crm.example/?phone={address}"`
	DispositionRequired op.Optional[bool]   `json:"disposition_required,omitzero" nullable:"false" doc:"Whether whoever closes one of its conversations has to say what it came to."`
	UpdateAssignment
}

// UpdateInput is the input of updateQueue.
type UpdateInput struct {
	Path
	op.IfMatch
	Body UpdateQueue
}

func (h handlers) update(ctx context.Context, in *UpdateInput) (*Shown, error) {
	assignment, err := in.Body.settings()
	if err != nil {
		return nil, err
	}
	return shown(h.queues.Update(ctx, in.QueueID, queues.Settings{
		Assignment: assignment, Name: in.Body.Name.Pointer(), Description: in.Body.Description.Pointer(),
		SelfAssign: in.Body.SelfAssign.Pointer(), ScreenPopURL: in.Body.ScreenPopURL.Pointer(),
		DispositionRequired: in.Body.DispositionRequired.Pointer(),
	}, in.Check))
}

func (h handlers) archive(ctx context.Context, in *Path) (*Shown, error) {
	return shown(h.queues.Archive(ctx, in.QueueID))
}
