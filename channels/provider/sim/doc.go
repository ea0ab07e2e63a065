// Package sim plays the carriers: Twilio, Clickatell's One API and the
// operator's own contract, in one HTTP handler. It keeps a ledger of every
// message that it took over, misbehaves on demand in each way that a real
// carrier has been seen to, sends delivery reports and customers' messages
// with true signatures, and measures the pace at which it is used.
//
// It is independent of the adapters on purpose: signatures, status words and
// segment counts are written here a second time, so that a test of an adapter
// against the simulator compares two readings of one document. It listens on
// loopback addresses only and never reaches a telephone.
package sim
