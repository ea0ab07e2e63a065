package channels

import (
	"context"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/contactlist"
	"github.com/trellishq/trellis/internal/fault"
)

// ContactListChoice says on which list a channel puts senders whom nobody knew;
// nil takes them to none.
type ContactListChoice struct{ ID *uuid.UUID }

func (s *Service) setContactList(ctx context.Context, u *ent.ChannelUpdateOne, listID *uuid.UUID) error {
	if listID == nil {
		u.ClearContactListID()
		return nil
	}
	u.SetContactListID(*listID)
	return s.mayAddTo(ctx, listID)
}

// mayAddTo refuses a list that is not the tenant's or not in use; nil is none.
// What is not there and what is another tenant's look the same.
func (s *Service) mayAddTo(ctx context.Context, listID *uuid.UUID) error {
	if listID == nil {
		return nil
	}
	// Locked, so that it is not archived in between.
	_, err := s.store.Ent(ctx).ContactList.Query().
		Where(contactlist.ID(*listID), contactlist.ArchivedAtIsNil()).ForShare().Only(ctx)
	if ent.IsNotFound(err) {
		return fault.InvalidField(fault.CodeNotFound, "body.contact_list_id", "is no contact list of this tenant in use", listID.String())
	}
	return err
}
