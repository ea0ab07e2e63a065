package provider

// Status is a provider's report, in Trellis's words (rules A7).
type Status string

// The statuses that a provider can report.
const (
	StatusAccepted    Status = "accepted"
	StatusSent        Status = "sent"
	StatusDelivered   Status = "delivered"
	StatusUndelivered Status = "undelivered"
	StatusFailed      Status = "failed"
	StatusRead        Status = "read"
	StatusCanceled    Status = "canceled"
	// StatusUnknown is a word that the adapter does not know: it is stored,
	// counted and changes nothing.
	StatusUnknown Status = "unknown"
)
