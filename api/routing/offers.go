package routing

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/op"
	"github.com/trellishq/trellis/api/path"
	"github.com/trellishq/trellis/messaging/routing"
)

// Offer is a conversation that somebody could have, as clients see it.
type Offer struct {
	ID            uuid.UUID  `json:"id" doc:"The offer."`
	InteractionID uuid.UUID  `json:"interaction_id" doc:"The conversation that is offered."`
	QueueID       uuid.UUID  `json:"queue_id" doc:"The queue that it waits in."`
	UserID        uuid.UUID  `json:"user_id" doc:"To whom it is offered."`
	State         string     `json:"state" enum:"open,accepted,rejected,taken,expired,withdrawn" doc:"What became of it: taken is by somebody else, withdrawn that there is nothing to be had any more or that the member went."`
	Round         int        `json:"round" minimum:"1" maximum:"1000000" doc:"How often the conversation was offered in this queue, with this time." example:"1"`
	ExpiresAt     time.Time  `json:"expires_at" doc:"Until when it can be accepted."`
	EndedAt       *time.Time `json:"ended_at" nullable:"true" doc:"When it was over; null while it stands."`
	CreatedAt     time.Time  `json:"created_at" doc:"When it was made."`
}

func offerView(o routing.Offer) Offer {
	return Offer{o.ID, o.InteractionID, o.QueueID, o.UserID, string(o.State), o.Round, o.ExpiresAt, o.EndedAt, o.CreatedAt}
}

// ListInput is the input of listOffers.
type ListInput struct {
	path.Tenant
	op.Page
	View string `query:"view" enum:"open,all" default:"open" doc:"Those that stand, or all."`
}

func (h handlers) list(ctx context.Context, in *ListInput) (*op.List[Offer], error) {
	after, err := op.After[path.Key](ctx, in.Page)
	if err != nil {
		return nil, err
	}
	rows, err := h.Routing.Offers(ctx, h.Caller(ctx).UserID, in.View == "all", after.After(), in.Fetch())
	if err != nil {
		return nil, err
	}
	return op.Listing(ctx, in.Page, rows, offerView, func(o routing.Offer) path.Key { return path.Key{ID: o.ID} })
}

// Path names one offer.
type Path struct {
	path.Tenant
	OfferID uuid.UUID `path:"offer_id" doc:"The offer."`
}

// Shown is the output of operations that show one offer.
type Shown struct {
	Body Offer
}

func shown(o routing.Offer, err error) (*Shown, error) {
	if err != nil {
		return nil, err
	}
	return &Shown{offerView(o)}, nil
}

func (h handlers) get(ctx context.Context, in *Path) (*Shown, error) {
	return shown(h.Routing.Offer(ctx, h.Caller(ctx).UserID, in.OfferID))
}

func (h handlers) accept(ctx context.Context, in *Path) (*Shown, error) {
	return shown(h.Routing.Accept(ctx, h.Caller(ctx).UserID, in.OfferID))
}

// Rejection is the body of rejectOffer.
type Rejection struct {
	Comment string `json:"comment,omitempty" maxLength:"500" doc:"Why; it stands in the conversation's log." example:"I do not speak French"`
}

// RejectInput is the input of rejectOffer.
type RejectInput struct {
	Path
	Body Rejection
}

func (h handlers) reject(ctx context.Context, in *RejectInput) (*Shown, error) {
	return shown(h.Routing.Reject(ctx, h.Caller(ctx).UserID, in.OfferID, in.Body.Comment))
}
