// Package routing serves what is decided about who gets a conversation: the
// offers that are made, and the explanation.
package routing

import (
	"context"
	"net/http"

	"github.com/trellishq/trellis/api/op"
	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/messaging/interactions"
	"github.com/trellishq/trellis/messaging/routing"
)

// Tag is the chapter of routing in the document.
const Tag = "Routing"

// Config is what the operations need.
type Config struct {
	Routing *routing.Service
	// Caller says who asks, and whether he reaches only what is his own.
	Caller func(context.Context) interactions.Caller
}

type handlers struct{ Config }

const (
	offersPath = "/v1/tenants/{tenant_id}/offers"
	offerPath  = offersPath + "/{offer_id}"
)

// Register opens the operations on routing.
func Register(s *op.Surface, c Config) {
	h := handlers{c}
	op.Register(s, authz.OffersRead, op.Spec{
		ID: "listOffers", Method: http.MethodGet, Path: offersPath, Tag: Tag,
		Summary: "List one's offers",
		Description: "Lists the conversations that the caller is offered at present, oldest first, or with `view=all` all that he ever was. " +
			"A queue whose strategy is `broadcast` offers what waits to all its members who are at work, not paused, and below their capacity.",
	}, h.list)
	op.Register(s, authz.OffersRead, op.Spec{
		ID: "getOffer", Method: http.MethodGet, Path: offerPath, Tag: Tag,
		Summary: "Show an offer", Description: "Shows one offer that was made to the caller, and what became of it.",
	}, h.get)
	op.Register(s, authz.OffersAnswer, op.Spec{
		ID: "acceptOffer", Method: http.MethodPost, Path: offerPath + "/accept", Tag: Tag,
		Summary: "Accept an offer",
		Description: "Takes the conversation. The first who accepts has it; for all others the offer becomes `taken`, and answering it is 409 `wrong_state` with what it has become. " +
			"Who is paused or at capacity by now is refused with `agent_not_available`, and the offer stands.",
		Codes: []fault.Code{fault.CodeWrongState, fault.CodeNotFree},
	}, h.accept)
	op.Register(s, authz.OffersAnswer, op.Spec{
		ID: "rejectOffer", Method: http.MethodPost, Path: offerPath + "/reject", Tag: Tag,
		Summary: "Reject an offer",
		Description: "Declines the conversation: it stays with the others to whom it was offered. When nobody accepts in time it is offered again, " +
			"first to those who have not rejected it.",
		Codes: []fault.Code{fault.CodeWrongState},
	}, h.reject)
	op.Register(s, authz.InteractionsRead, op.Spec{
		ID: "getInteractionRouting", Method: http.MethodGet, Path: "/v1/tenants/{tenant_id}/interactions/{interaction_id}/routing", Tag: Tag,
		Summary: "Explain where an interaction is",
		Description: "Says why a conversation is where it is, who was considered for it and why each can or cannot get it, and what happens next and when, " +
			"in sentences for people beside the facts for programs.",
	}, h.explain)
}
