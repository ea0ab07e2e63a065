package transcript

import "strings"

// words are what a transcript says itself, in one language.
type words struct {
	Language                                            string
	Title, Subject, Channel, Customer, Queue, Assignee  string
	Status, Started, Closed, ClosedBy, Reason, TimeZone string
	Picture                                             string
	statuses, parties, deliveries, notes                map[string]string
}

// languages are those of the letters to users (tenants/mail): the first is
// everybody else's.
var languages = []words{
	{
		Language: "en", Title: "Conversation", Subject: "Subject", Channel: "Channel", Customer: "Customer", Queue: "Queue",
		Assignee: "Assigned to", Status: "Status", Started: "Started", Closed: "Closed", ClosedBy: "Closed by", Reason: "Reason",
		TimeZone: "Time zone", Picture: "Picture",
		statuses: map[string]string{
			"waiting_agent": "waiting for an agent", "open": "open", "waiting_customer": "waiting for the customer",
			"solved": "solved", "closed": "closed",
		},
		parties: map[string]string{
			"agent": "the agent", "customer": "the customer", "supervisor": "a supervisor", "system": "the system", "survey": "the survey",
		},
		deliveries: map[string]string{
			"queued": "on its way", "submitting": "on its way", "unknown": "on its way", "accepted": "on its way", "sent": "sent",
			"delivered": "delivered", "read": "read", "undelivered": "not delivered", "failed": "not sent", "canceled": "canceled", "expired": "not sent",
		},
		notes: map[string]string{"note": "internal note", "secret_note": "secret note"},
	},
	{
		Language: "fr", Title: "Conversation", Subject: "Objet", Channel: "Canal", Customer: "Client", Queue: "File",
		Assignee: "Attribuée à", Status: "État", Started: "Début", Closed: "Fermeture", ClosedBy: "Fermée par", Reason: "Motif",
		TimeZone: "Fuseau horaire", Picture: "Image",
		statuses: map[string]string{
			"waiting_agent": "en attente d’un agent", "open": "ouverte", "waiting_customer": "en attente du client",
			"solved": "résolue", "closed": "fermée",
		},
		parties: map[string]string{
			"agent": "l’agent", "customer": "le client", "supervisor": "un superviseur", "system": "le système", "survey": "le sondage",
		},
		deliveries: map[string]string{
			"queued": "en route", "submitting": "en route", "unknown": "en route", "accepted": "en route", "sent": "envoyé",
			"delivered": "remis", "read": "lu", "undelivered": "non remis", "failed": "non envoyé", "canceled": "annulé", "expired": "non envoyé",
		},
		notes: map[string]string{"note": "note interne", "secret_note": "note secrète"}, //nolint:gosec // a word, and no secret
	},
}

// wordsFor finds the words of a language, a BCP 47 tag.
func wordsFor(tag string) words {
	base, _, _ := strings.Cut(strings.ToLower(tag), "-")
	for _, w := range languages {
		if w.Language == base {
			return w
		}
	}
	return languages[0]
}

func (w words) status(s string) string { return said(w.statuses, s) }
func (w words) party(s string) string  { return said(w.parties, s) }

// state is what is said of a line beside its author: what became of a message,
// and that a note is one. It is empty for what was received.
func (w words) state(l Line) string {
	switch l.Kind {
	case Sent:
		return said(w.deliveries, l.Status)
	case Note, SecretNote:
		return said(w.notes, string(l.Kind))
	}
	return ""
}

func said(by map[string]string, key string) string {
	if text, ok := by[key]; ok {
		return text
	}
	return key
}
