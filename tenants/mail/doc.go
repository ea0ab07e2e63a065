// Package mail owns the mails that the platform writes to its users: it keeps
// them in the transaction of their cause, words them in the recipient's
// language under the tenant's brand, and hands them to the mail server. What a
// mail says is sealed while it waits, for it holds links that open accounts,
// and is forgotten once it is sent. It decides about nobody's rights.
package mail
