// Package inbox serves conversations: what waits, what was said, and what is
// said next.
package inbox
