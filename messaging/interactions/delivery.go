package interactions

import (
	"github.com/trellishq/trellis/channels/provider"
	"github.com/trellishq/trellis/ent/message"
)

// Delivery is the status of a message.
type Delivery = message.Status

// The statuses of a message. An inbound one is received and stays so.
const (
	MessageReceived = message.StatusReceived
	Scheduled       = message.StatusScheduled
	Queued          = message.StatusQueued
	Submitting      = message.StatusSubmitting
	Unknown         = message.StatusUnknown
	Accepted        = message.StatusAccepted
	Sent            = message.StatusSent
	Delivered       = message.StatusDelivered
	Undelivered     = message.StatusUndelivered
	Failed          = message.StatusFailed
	Read            = message.StatusRead
	Canceled        = message.StatusCanceled
	Expired         = message.StatusExpired
)

// Deliveries lists all statuses of a message.
func Deliveries() []Delivery {
	return []Delivery{
		MessageReceived, Scheduled, Queued, Submitting, Unknown, Accepted, Sent,
		Delivered, Undelivered, Failed, Read, Canceled, Expired,
	}
}

// reportable says which report moves a message from where (rules A7). Reports
// arrive late, doubled and in any order, so a message only ever moves forward;
// a failure yields to proof of delivery and to nothing else. A report for a
// message that is queued again proves that the provider took it after all.
var reportable = map[provider.Status]struct {
	to   Delivery
	from []Delivery
}{
	provider.StatusAccepted:    {Accepted, []Delivery{Queued, Submitting, Unknown}},
	provider.StatusSent:        {Sent, []Delivery{Queued, Submitting, Unknown, Accepted}},
	provider.StatusUndelivered: {Undelivered, []Delivery{Queued, Submitting, Unknown, Accepted, Sent}},
	provider.StatusFailed:      {Failed, []Delivery{Queued, Submitting, Unknown, Accepted, Sent}},
	provider.StatusCanceled:    {Canceled, []Delivery{Queued, Submitting, Unknown, Accepted, Sent}},
	provider.StatusDelivered:   {Delivered, []Delivery{Queued, Submitting, Unknown, Accepted, Sent, Undelivered, Failed}},
	provider.StatusRead:        {Read, []Delivery{Queued, Submitting, Unknown, Accepted, Sent, Undelivered, Failed, Delivered}},
}

// Reported is the status that a report leads to. ok is false where the report
// is late, repeated or not understood, and changes nothing.
func Reported(from Delivery, report provider.Status) (to Delivery, ok bool) {
	rule := reportable[report]
	for _, status := range rule.from {
		if status == from {
			return rule.to, true
		}
	}
	return from, false
}

// final tells whether nothing more is expected for a message.
func final(d Delivery) bool {
	switch d {
	case Scheduled, Queued, Submitting, Unknown, Accepted, Sent:
		return false
	}
	return true
}

// DeliveryAction is what we, and not a provider, do with a message that has not
// been handed over.
type DeliveryAction string

// The actions.
const (
	// FallDue: the time has come for which it was scheduled.
	FallDue DeliveryAction = "fall_due"
	// Reschedule: another time is chosen, or now.
	Reschedule DeliveryAction = "reschedule"
	// TakeBack: somebody, or the end of its conversation, stops it.
	TakeBack DeliveryAction = "take_back"
	// RunOut: its time has passed while it waited.
	RunOut DeliveryAction = "run_out"
)

// DeliveryActions lists all actions.
func DeliveryActions() []DeliveryAction {
	return []DeliveryAction{FallDue, Reschedule, TakeBack, RunOut}
}

// deliveries says where an action leads; what is not there is refused.
var deliveries = map[DeliveryAction]map[Delivery]Delivery{
	FallDue:    {Scheduled: Queued},
	Reschedule: {Scheduled: Scheduled},
	TakeBack:   {Scheduled: Canceled, Queued: Canceled},
	RunOut:     {Scheduled: Expired, Queued: Expired},
}

// NextDelivery is the status that an action leads to. ok is false where the
// status forbids the action.
func NextDelivery(from Delivery, action DeliveryAction) (to Delivery, ok bool) {
	to, ok = deliveries[action][from]
	return to, ok
}
