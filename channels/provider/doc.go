// Package provider is the contract between Trellis and the companies that
// carry its messages. An adapter translates: it knows a provider's words, and
// nothing of tenants, rows or retries. What is done about an outcome is the
// caller's business, so that every provider is treated alike.
package provider
