package channels

import (
	"context"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/channel"
	"github.com/trellishq/trellis/ent/queue"
	"github.com/trellishq/trellis/ent/user"
	"github.com/trellishq/trellis/internal/fault"
)

// Kinds of destination.
const (
	ToTenant = string(channel.DestinationTypeTenant)
	ToUser   = string(channel.DestinationTypeUser)
	ToQueue  = string(channel.DestinationTypeQueue)
)

// Destination is where a channel's inbound messages go: to the tenant's common
// inbox, to one user, whose own number the channel is then, or into a queue.
type Destination struct {
	Type string
	// ID of the user or the queue; nil for the tenant.
	ID uuid.UUID
}

func destinationOf(row *ent.Channel) Destination {
	d := Destination{Type: string(row.DestinationType)}
	switch {
	case d.Type == ToUser && row.DestinationUserID != nil:
		d.ID = *row.DestinationUserID
	case d.Type == ToQueue && row.DestinationQueueID != nil:
		d.ID = *row.DestinationQueueID
	}
	return d
}

// Recipients are the roles of users who can be a channel's destination
// (decisions C-46).
func Recipients() []user.Role { return []user.Role{user.RoleAgent, user.RoleManager, user.RoleUser} }

// setDestination checks where messages shall go and notes it. What is not there
// and what is another tenant's look the same.
func (s *Service) setDestination(ctx context.Context, u *ent.ChannelUpdateOne, d Destination) error {
	u.SetDestinationType(channel.DestinationType(d.Type))
	client := s.store.Ent(ctx)
	switch d.Type {
	case ToUser:
		u.SetDestinationUserID(d.ID).ClearDestinationQueueID()
		known, err := client.User.Query().
			Where(user.ID(d.ID), user.StatusEQ(user.StatusActive), user.RoleIn(Recipients()...)).Exist(ctx)
		return missing(known, err, "is no active agent, manager or user of this tenant", d.ID)
	case ToQueue:
		u.SetDestinationQueueID(d.ID).ClearDestinationUserID()
		// Locked, so that it is not archived in between.
		_, err := client.Queue.Query().Where(queue.ID(d.ID), queue.ArchivedAtIsNil()).ForShare().Only(ctx)
		if ent.IsNotFound(err) {
			return missing(false, nil, "is no queue of this tenant in use", d.ID)
		}
		return err
	}
	u.ClearDestinationUserID().ClearDestinationQueueID()
	if d.ID != uuid.Nil {
		return fault.InvalidField(fault.CodeInvalid, "body.destination.id", "is for users and queues; the tenant needs none", d.ID.String())
	}
	return nil
}

func missing(known bool, err error, message string, id uuid.UUID) error {
	if err != nil || known {
		return err
	}
	return fault.InvalidField(fault.CodeNotFound, "body.destination.id", message, id.String())
}
