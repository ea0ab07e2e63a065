package op

import (
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/trellishq/trellis/internal/fault"
)

// Upload is embedded in inputs that take a file: one part named "file" of a
// multipart form. The file is streamed and never kept in memory or on disk;
// everything that describes it goes into path and query.
//
// Uploads take no part in idempotency. To compare two of them the whole file
// would have to be kept before the first byte is used, and a repeated upload
// only makes another attachment that nothing refers to.
type Upload struct {
	// Filename is what the client calls the file: text to show, never a path.
	Filename string
	// ContentType is what the client says it is. The content decides.
	ContentType string
	// Content ends with an error after Spec.MaxBodyBytes.
	Content io.Reader
}

func (u *Upload) attach(from Upload) { *u = from }

type uploader interface{ attach(Upload) }

const uploadPart = "file"

// openUpload finds the file in the form.
func (rq *request) openUpload() (Upload, error) {
	wire := http.NewResponseController(rq.writer)
	_ = wire.SetReadDeadline(time.Now().Add(uploadTimeout)) // not every transport has deadlines
	missing := fault.InvalidField(fault.CodeInvalid, "body."+uploadPart, "is required")
	form, err := rq.http.MultipartReader()
	if err != nil {
		return Upload{}, missing
	}
	part, err := form.NextPart()
	if errors.Is(err, io.EOF) {
		return Upload{}, missing
	}
	if err != nil {
		return Upload{}, rq.bodyFault(err)
	}
	if part.FormName() != uploadPart || part.FileName() == "" {
		return Upload{}, fault.InvalidField(fault.CodeInvalid, "body."+shorten(part.FormName()), "is not known here; the form has one part, the file")
	}
	limited := http.MaxBytesReader(nil, part, rq.operation.spec.MaxBodyBytes)
	return Upload{Filename: part.FileName(), ContentType: part.Header.Get("Content-Type"), Content: &attentive{limited, rq}}, nil
}

// closeUpload takes back the deadline that openUpload has set, unless the file
// did not come in time.
func (rq *request) closeUpload() {
	if rq.bodyErr != nil {
		rq.writer.Header().Set("Connection", "close")
		return
	}
	_ = http.NewResponseController(rq.writer).SetReadDeadline(time.Time{})
}

// attentive remembers why reading failed, so that a service which does not
// wrap the error still gets the right answer sent.
type attentive struct {
	io.Reader
	rq *request
}

// Read implements io.Reader.
func (a *attentive) Read(p []byte) (int, error) {
	n, err := a.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		a.rq.bodyErr = err
	}
	return n, err
}
