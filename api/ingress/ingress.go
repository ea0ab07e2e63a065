// Package ingress serves providers: the callbacks by which they hand messages
// and delivery reports over.
package ingress

import (
	"context"
	"net/http"
	"time"

	"github.com/trellishq/trellis/api/op"
	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/channels/provider"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/messaging/intake"
)

// Tag is the chapter of callbacks in the document.
const Tag = "Provider callbacks"

// Config is what the operations need.
type Config struct {
	Intake *intake.Service
	// PublicURL is what signatures are checked against, without a slash at its
	// end. What the request says of its own host is not believed.
	PublicURL string
	Now       func() time.Time
}

type handlers struct{ Config }

// maxCallback is plenty for a batch of reports.
const maxCallback = 1 << 20

// Register opens the callbacks.
func Register(s *op.Surface, c Config) {
	h := handlers{c}
	spec := func(id, path, summary, what string) op.Spec {
		return op.Spec{
			ID: id, Method: http.MethodPost, Path: path, Tag: Tag, Summary: summary,
			Description: what + " Called by the provider in its own format, at the unguessable URL of the channel, and signed the way the provider signs. " +
				"What is acknowledged has been stored; the same callback again is acknowledged and changes nothing.",
			Codes:        []fault.Code{fault.CodeNotFound, fault.CodeBadSignature, fault.CodeChannelMismatch},
			MaxBodyBytes: maxCallback,
			Consumes:     []string{"application/x-www-form-urlencoded", "application/json"},
		}
	}
	op.Register(s, authz.Public, spec("receiveInboundMessage", "/hooks/{provider}/{token}/inbound",
		"Receive a message", "Takes a customer's message in."), h.inbound)
	op.Register(s, authz.Public, spec("receiveStatusReport", "/hooks/{provider}/{token}/status",
		"Receive a delivery report", "Takes a delivery report in."), h.status)
	h.registerSandbox(s)
	describeCarrier(s)
}

// Callback is the input of both operations.
type Callback struct {
	op.Raw
	Provider string `path:"provider" enum:"twilio,clickatell,scopserv,sandbox" doc:"Who calls."`
	Token    string `path:"token" minLength:"16" maxLength:"64" pattern:"^[0-9A-Za-z]+$" doc:"The channel's own, from its inbound_url." example:"0aZ4bY8cX2dW6eV0fU4gT8hS2iR6jQ0k"`
}

// Acknowledged is the output of both operations.
type Acknowledged struct {
	ContentType string `header:"Content-Type"`
	Body        []byte `contentType:"text/xml, application/json, text/plain"`
}

func (h handlers) inbound(ctx context.Context, in *Callback) (*Acknowledged, error) {
	return h.accept(ctx, in, intake.Inbound)
}

func (h handlers) status(ctx context.Context, in *Callback) (*Acknowledged, error) {
	return h.accept(ctx, in, intake.Status)
}

func (h handlers) accept(ctx context.Context, in *Callback, kind intake.Kind) (*Acknowledged, error) {
	ack, err := h.Intake.Accept(ctx, provider.Name(in.Provider), in.Token, kind, provider.Callback{
		Method: in.Method, URL: h.PublicURL + in.URL.RequestURI(), Header: in.Header, Body: in.Content, ReceivedAt: h.Now(),
	})
	if err != nil {
		return nil, err
	}
	return &Acknowledged{ack.ContentType, []byte(ack.Body)}, nil
}
