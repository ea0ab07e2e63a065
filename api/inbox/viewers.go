package inbox

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/op"
	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/messaging/interactions"
)

const viewersPath = interactionPath + "/viewers"

func (h handlers) registerViewers(s *op.Surface) {
	op.Register(s, authz.InteractionsRead, op.Spec{
		ID: "getInteractionViewers", Method: http.MethodGet, Path: viewersPath, Tag: InteractionsTag,
		Summary: "Show who looks at an interaction", Description: "Shows who else looks at an interaction at the moment, and who writes in it." + ownOnly,
	}, h.viewers)
	op.Register(s, authz.InteractionsRead, op.Spec{
		ID: "startViewing", Method: http.MethodPut, Path: viewersPath + "/me", Tag: InteractionsTag,
		Summary: "Say that one looks at an interaction",
		Description: "Says that the caller looks at an interaction, and whether an answer is being written, for 20 seconds: a client repeats it every 10. " +
			"Others see it in `viewers`, on every replica. It is written down nowhere else." + ownOnly,
		BodyOptional: true, Unrepeatable: true,
	}, h.look)
	op.Register(s, authz.InteractionsRead, op.Spec{
		ID: "endViewing", Method: http.MethodDelete, Path: viewersPath + "/me", Tag: InteractionsTag,
		Summary: "Say that one looks away", Description: "Says that the caller looks at an interaction no more, without waiting for the 20 seconds." + ownOnly,
		Unrepeatable: true,
	}, h.lookAway)
}

// Viewer is somebody who looks at an interaction.
type Viewer struct {
	UserID uuid.UUID `json:"user_id" doc:"The user or API key."`
	Name   string    `json:"name" maxLength:"200" doc:"What the user is called." example:"Ann"`
	Typing bool      `json:"typing" doc:"An answer is being written."`
	Since  time.Time `json:"since" doc:"When the user opened it."`
}

func viewerViews(viewers []interactions.Viewer) []Viewer {
	out := make([]Viewer, 0, len(viewers))
	for _, v := range viewers {
		out = append(out, Viewer(v))
	}
	return out
}

// Viewers are all who look at an interaction.
type Viewers struct {
	Viewers []Viewer `json:"viewers" maxItems:"50" doc:"Who else looks at it, whoever came first first."`
}

// ViewersShown is the output of operations that show viewers.
type ViewersShown struct {
	Body Viewers
}

func viewersShown(viewers []interactions.Viewer, err error) (*ViewersShown, error) {
	if err != nil {
		return nil, err
	}
	return &ViewersShown{Viewers{viewerViews(viewers)}}, nil
}

func (h handlers) viewers(ctx context.Context, in *InteractionPath) (*ViewersShown, error) {
	return viewersShown(h.Interactions.Viewers(ctx, h.Caller(ctx), in.InteractionID))
}

// StartViewing is the body of startViewing.
type StartViewing struct {
	Typing bool `json:"typing,omitempty" doc:"An answer is being written." example:"true"`
}

// StartViewingInput is the input of startViewing.
type StartViewingInput struct {
	InteractionPath
	Body StartViewing
}

func (h handlers) look(ctx context.Context, in *StartViewingInput) (*ViewersShown, error) {
	return viewersShown(h.Interactions.Look(ctx, h.Caller(ctx), in.InteractionID, in.Body.Typing))
}

func (h handlers) lookAway(ctx context.Context, in *InteractionPath) (*op.Empty, error) {
	return nil, h.Interactions.LookAway(ctx, h.Caller(ctx), in.InteractionID)
}
