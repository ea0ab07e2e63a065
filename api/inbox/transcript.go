package inbox

import (
	"context"
	"net/http"

	"github.com/trellishq/trellis/api/op"
	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/messaging/transcript"
)

func (h handlers) registerTranscript(s *op.Surface) {
	op.Register(s, authz.InteractionsRead, op.Spec{
		ID: "downloadTranscript", Method: http.MethodGet, Path: interactionPath + "/transcript", Tag: InteractionsTag,
		Summary: "Download a transcript",
		Description: "Writes down what was said and what happened in a conversation, the oldest first: as text, as JSON, or as an HTML page to be printed, " +
			"in the tenant's language and time zone. Pictures are named. Internal notes are left out unless `notes=true`, which needs `notes:read`; secret ones are in it for those who may read them. Whoever takes one is noted by the event interaction.downloaded." + ownOnly,
	}, h.transcript)
}

// TranscriptInput is the input of downloadTranscript.
type TranscriptInput struct {
	InteractionPath
	Format string `query:"format" enum:"text,json,html" default:"text" doc:"The kind of file."`
	Notes  bool   `query:"notes" doc:"With the internal notes that the caller may read; a transcript for the customer goes without."`
}

// TranscriptShown is the output of downloadTranscript.
type TranscriptShown struct {
	ContentType string    `header:"Content-Type" maxLength:"100" doc:"The kind of file." example:"text/plain; charset=utf-8"`
	Disposition string    `header:"Content-Disposition" maxLength:"200" doc:"Under which name to keep it." example:"attachment; filename=\"conversation-0197b1f0.txt\""`
	Policy      string    `header:"Content-Security-Policy" maxLength:"200" doc:"A page that is opened all the same can do nothing." example:"default-src 'none'; style-src 'unsafe-inline'; sandbox"`
	Body        op.Stream `contentType:"text/plain, application/json, text/html" doc:"The file."`
}

func (h handlers) transcript(ctx context.Context, in *TranscriptInput) (*TranscriptShown, error) {
	format := transcript.Format(in.Format)
	found, err := h.Interactions.Transcript(ctx, h.Caller(ctx), in.InteractionID, format, in.Notes)
	if err != nil {
		return nil, err
	}
	return &TranscriptShown{
		ContentType: format.ContentType(),
		Disposition: `attachment; filename="conversation-` + in.InteractionID.String() + "." + format.Extension() + `"`,
		Policy:      "default-src 'none'; style-src 'unsafe-inline'; sandbox",
		Body: func(w http.ResponseWriter) error {
			file, err := transcript.New(format, w, found.Language, found.Zone)
			if err != nil {
				return err
			}
			return found.WriteTo(ctx, file)
		},
	}, nil
}
