package inbox

import (
	"context"
	"io"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/op"
	"github.com/trellishq/trellis/api/path"
	"github.com/trellishq/trellis/messaging/attachments"
)

// Attachment is a picture as clients see it.
type Attachment struct {
	ID          uuid.UUID `json:"id" doc:"The attachment."`
	Status      string    `json:"status" enum:"pending,ready,failed" doc:"pending: it is being fetched from the provider; failed: it could not be."`
	Name        string    `json:"name" maxLength:"255" doc:"What the uploader called it; may be empty." example:"map.png"`
	ContentType string    `json:"content_type" maxLength:"100" doc:"Decided by content; empty until it is there." example:"image/png"`
	Size        int64     `json:"size" format:"int64" minimum:"0" maximum:"5242880" doc:"Bytes." example:"48213"`
	Width       int       `json:"width" format:"int32" minimum:"0" maximum:"100000" doc:"Pixels." example:"640"`
	Height      int       `json:"height" format:"int32" minimum:"0" maximum:"100000" doc:"Pixels." example:"480"`
	Failure     string    `json:"failure" maxLength:"500" doc:"Why it could not be fetched; empty otherwise." example:""`
	URL         string    `json:"url" maxLength:"2048" doc:"A link that shows it for a quarter of an hour; empty until it is there." example:"https://api.example.com/media/AZ…"`
	CreatedAt   time.Time `json:"created_at" doc:"When it was uploaded or announced."`
}

func attachmentView(a attachments.Attachment) Attachment {
	return Attachment{a.ID, a.Status, a.Name, a.ContentType, a.Size, a.Width, a.Height, a.Failure, a.URL, a.CreatedAt}
}

// UploadInput is the input of uploadAttachment.
type UploadInput struct {
	path.Tenant
	op.Upload
}

// AttachmentCreated is the output of uploadAttachment.
type AttachmentCreated struct {
	op.Location
	Body Attachment
}

const maxName = 255

func (h handlers) upload(ctx context.Context, in *UploadInput) (*AttachmentCreated, error) {
	content, err := io.ReadAll(in.Content)
	if err != nil {
		return nil, err
	}
	name := []rune(in.Filename)
	a, err := h.Attachments.Upload(ctx, string(name[:min(len(name), maxName)]), content)
	if err != nil {
		return nil, err
	}
	return &AttachmentCreated{op.At("/v1/tenants/%s/attachments/%s", in.TenantID, a.ID), attachmentView(a)}, nil
}

// AttachmentPath names one attachment.
type AttachmentPath struct {
	path.Tenant
	AttachmentID uuid.UUID `path:"attachment_id" doc:"The attachment."`
}

// AttachmentShown is the output of getAttachment.
type AttachmentShown struct {
	Body Attachment
}

func (h handlers) attachment(ctx context.Context, in *AttachmentPath) (*AttachmentShown, error) {
	a, err := h.Interactions.Attachment(ctx, h.Caller(ctx), in.AttachmentID)
	if err != nil {
		return nil, err
	}
	return &AttachmentShown{attachmentView(a)}, nil
}

// MediaInput is the input of getMedia.
type MediaInput struct {
	Link string `path:"link" minLength:"20" maxLength:"200" pattern:"^[A-Za-z0-9_-]+$" doc:"The signed link." example:"AZM1bQAZM1bQAZM1bQAZM1bQ"`
}

// MediaShown is a picture.
type MediaShown struct {
	ContentType        string `header:"Content-Type"`
	ContentDisposition string `header:"Content-Disposition" maxLength:"100" doc:"A browser saves the picture and does not run it." example:"attachment"`
	NoSniff            string `header:"X-Content-Type-Options" maxLength:"10" doc:"A browser takes the type for what it is." example:"nosniff"`
	Policy             string `header:"Content-Security-Policy" maxLength:"100" doc:"Nothing in it is run." example:"default-src 'none'"`
	Body               []byte `contentType:"image/jpeg, image/png"`
}

func (h handlers) media(ctx context.Context, in *MediaInput) (*MediaShown, error) {
	f, err := h.Attachments.Open(ctx, in.Link)
	if err != nil {
		return nil, err
	}
	return &MediaShown{f.ContentType, "attachment", "nosniff", "default-src 'none'", f.Content}, nil
}
