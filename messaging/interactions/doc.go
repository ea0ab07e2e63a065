// Package interactions owns conversations with the people outside: what they
// wrote, what is answered, in which state a conversation is, and what became of
// every message on its way. It is the only writer of interactions and messages.
//
// An outgoing message is claimed, submitted and recorded: the claim is a
// transaction of its own, the provider is called while none is open, and the
// outcome is recorded under the claim. A submission whose outcome is not known
// is looked up and never repeated blindly.
package interactions
