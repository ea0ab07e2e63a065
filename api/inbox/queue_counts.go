package inbox

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/op"
	"github.com/trellishq/trellis/api/path"
	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/messaging/interactions"
)

// queuesTag is the chapter of queues, which another package opens.
const queuesTag = "Queues"

func (h handlers) registerQueueCounts(s *op.Surface) {
	op.Register(s, authz.InteractionsRead, op.Spec{
		ID: "listQueueCounts", Method: http.MethodGet, Path: "/v1/tenants/{tenant_id}/queue-counts", Tag: queuesTag,
		Summary: "Count what is in queues",
		Description: "Counts what waits and what is worked on in each queue in use, and who answers there: what one looks at before one transfers. " +
			"Everybody sees the counts of all queues of the tenant; a key that is kept to channels counts what came through them.",
	}, h.queueCounts)
	op.Register(s, authz.InteractionsRead, op.Spec{
		ID: "getInteractionScreenPop", Method: http.MethodGet, Path: interactionPath + "/screen-pop", Tag: InteractionsTag,
		Summary:     "Show the screen pop of an interaction",
		Description: "Names what is opened beside an interaction: the `screen_pop_url` of its queue, with the values of the interaction in the places of `{interaction_id}`, `{contact_id}`, `{address}`, `{channel_id}` and `{queue_id}`." + ownOnly,
	}, h.screenPop)
}

// QueueCounts are what lies in a queue, as clients see it.
type QueueCounts struct {
	QueueID         uuid.UUID  `json:"queue_id" doc:"The queue."`
	Name            string     `json:"name" maxLength:"200" doc:"What people call it." example:"Orders"`
	OpenNow         bool       `json:"open_now" doc:"It is within its opening hours."`
	Members         int        `json:"members" format:"int32" minimum:"0" maximum:"2147483647" doc:"Active users who answer in it; into a queue without any nothing is transferred." example:"3"`
	Waiting         int        `json:"waiting" format:"int32" minimum:"0" maximum:"2147483647" doc:"Interactions that nobody has." example:"2"`
	Assigned        int        `json:"assigned" format:"int32" minimum:"0" maximum:"2147483647" doc:"Interactions that somebody has, and that are neither solved nor closed." example:"7"`
	OldestWaitingAt *time.Time `json:"oldest_waiting_at" doc:"When the one began that waits longest, or null."`
}

// ListQueueCountsInput is the input of listQueueCounts.
type ListQueueCountsInput struct {
	path.Tenant
	op.Page
}

func (h handlers) queueCounts(ctx context.Context, in *ListQueueCountsInput) (*op.List[QueueCounts], error) {
	after, err := op.After[path.Key](ctx, in.Page)
	if err != nil {
		return nil, err
	}
	rows, err := h.Interactions.QueueCounts(ctx, after.After(), in.Fetch())
	if err != nil {
		return nil, err
	}
	return op.Listing(ctx, in.Page, rows, func(c interactions.QueueCounts) QueueCounts { return QueueCounts(c) },
		func(c interactions.QueueCounts) path.Key { return path.Key{ID: c.QueueID} })
}

// ScreenPop is what is opened beside an interaction.
type ScreenPop struct {
	URL *string `json:"url" nullable:"true" format:"uri" maxLength:"8000" doc:"The address; null where the interaction came through no queue, or through one without a screen pop." example:"https://crm.example/?phone=%2B15145550199"`
}

// ScreenPopOutput is the output of getInteractionScreenPop.
type ScreenPopOutput struct {
	Body ScreenPop
}

func (h handlers) screenPop(ctx context.Context, in *InteractionPath) (*ScreenPopOutput, error) {
	url, err := h.Interactions.ScreenPop(ctx, h.Caller(ctx), in.InteractionID)
	if err != nil || url == "" {
		return &ScreenPopOutput{}, err
	}
	return &ScreenPopOutput{ScreenPop{&url}}, nil
}
