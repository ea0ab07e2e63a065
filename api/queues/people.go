package queues

import (
	"context"
	"net/http"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/op"
	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/internal/fault"
)

func (h handlers) registerManagers(s *op.Surface) {
	op.Register(s, authz.QueuesRead, op.Spec{
		ID: "getQueueManagers", Method: http.MethodGet, Path: queuePath + "/managers", Tag: Tag,
		Summary: "Show a queue's managers", Description: "Names the managers and administrators who are responsible for a queue.",
	}, h.managers)
	op.Register(s, authz.QueuesWrite, op.Spec{
		ID: "setQueueManagers", Method: http.MethodPut, Path: queuePath + "/managers", Tag: Tag,
		Summary: "Set a queue's managers",
		Description: "Says who is responsible for a queue from now on: active managers and administrators of the tenant. " +
			"It gives no rights beyond their roles': they find what is theirs by it (`manager_id` of listQueues).",
		Codes: []fault.Code{fault.CodeNotFound, fault.CodeWrongState},
	}, h.setManagers)
}

// Members are who answers in a queue.
type Members struct {
	UserIDs []uuid.UUID `json:"user_ids" maxItems:"500" doc:"Agents and managers of the tenant, in no special order."`
}

// MembersShown is the output of operations on members.
type MembersShown struct {
	Body Members
}

func membersShown(userIDs []uuid.UUID, err error) (*MembersShown, error) {
	if err != nil {
		return nil, err
	}
	if userIDs == nil {
		userIDs = []uuid.UUID{}
	}
	return &MembersShown{Members{userIDs}}, nil
}

func (h handlers) members(ctx context.Context, in *Path) (*MembersShown, error) {
	return membersShown(h.queues.Members(ctx, in.QueueID))
}

// SetMembersInput is the input of setQueueMembers.
type SetMembersInput struct {
	Path
	Body Members
}

func (h handlers) setMembers(ctx context.Context, in *SetMembersInput) (*MembersShown, error) {
	return membersShown(h.queues.SetMembers(ctx, in.QueueID, in.Body.UserIDs))
}

// Managers are who is responsible for a queue.
type Managers struct {
	UserIDs []uuid.UUID `json:"user_ids" maxItems:"100" doc:"Managers and administrators of the tenant, in no special order."`
}

// ManagersShown is the output of operations on managers.
type ManagersShown struct {
	Body Managers
}

func managersShown(userIDs []uuid.UUID, err error) (*ManagersShown, error) {
	if err != nil {
		return nil, err
	}
	return &ManagersShown{Managers{userIDs}}, nil
}

func (h handlers) managers(ctx context.Context, in *Path) (*ManagersShown, error) {
	return managersShown(h.queues.Managers(ctx, in.QueueID))
}

// SetManagersInput is the input of setQueueManagers.
type SetManagersInput struct {
	Path
	Body Managers
}

func (h handlers) setManagers(ctx context.Context, in *SetManagersInput) (*ManagersShown, error) {
	return managersShown(h.queues.SetManagers(ctx, in.QueueID, in.Body.UserIDs))
}
