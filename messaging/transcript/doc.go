// Package transcript writes down a conversation to be kept or printed: as text,
// as JSON, or as an HTML page. It decides nothing about who may read it. What
// customers wrote stays what it is: it can neither become part of the page nor
// look like a line of somebody else's.
package transcript
