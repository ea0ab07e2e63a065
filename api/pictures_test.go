package api_test

import (
	"bytes"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/trellishq/trellis/api/apitest"
	"github.com/trellishq/trellis/channels/provider"
	"github.com/trellishq/trellis/channels/provider/sim"
)

// drawing is a small picture in a format: png, jpeg or gif.
func drawing(t *testing.T, format string) []byte {
	t.Helper()
	var out bytes.Buffer
	canvas := image.NewPaletted(image.Rect(0, 0, 8, 6), color.Palette{color.White, color.Black})
	var err error
	switch format {
	case "png":
		err = png.Encode(&out, canvas)
	case "jpeg":
		err = jpeg.Encode(&out, canvas, nil)
	default:
		err = gif.Encode(&out, canvas, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// Covers: SMS-03
func TestACustomersPictureIsFetchedByAWorker(t *testing.T) {
	t.Parallel()
	for _, name := range []provider.Name{provider.Twilio, provider.Scopserv} {
		t.Run(string(name), func(t *testing.T) {
			t.Parallel()
			s := sceneWith(t, name)
			content := drawing(t, "png")
			s.Receive(t, s.line, sim.Inbound{Media: []sim.Picture{
				{ContentType: "image/png", Content: content}, {ContentType: "image/jpeg", Content: drawing(t, "jpeg")},
			}})
			list := s.manager.Get(t, s.at.Path("/interactions/%s/messages", s.conversation(t, apitest.Customer))).Want(t, http.StatusOK)
			if list.String(t, "items.0.attachments.0.status") != "ready" || list.String(t, "items.0.attachments.1.content_type") != "image/jpeg" {
				t.Fatalf("the message is %s", list.Content)
			}
			shown := s.manager.Get(t, s.at.Path("/attachments/%s", list.String(t, "items.0.attachments.0.id"))).Want(t, http.StatusOK)
			if shown.Int(t, "width") != 8 || shown.Int(t, "height") != 6 {
				t.Errorf("the attachment is %s", shown.Content)
			}
			s.wantPicture(t, shown.String(t, "url"), "image/png", content)
			s.Advance(t, 16*time.Minute)
			s.Anonymous().Get(t, shown.String(t, "url")).WantProblem(t, http.StatusNotFound, "not_found", "")
		})
	}
}

// wantPicture follows a link by GET and HEAD.
func (s *scene) wantPicture(t *testing.T, link, contentType string, content []byte) {
	t.Helper()
	got := s.Anonymous().Get(t, link).Want(t, http.StatusOK)
	head := s.Anonymous().Do(t, http.MethodHead, link, nil).Want(t, http.StatusOK)
	for _, r := range []*apitest.Response{got, head} {
		for header, want := range map[string]string{
			"Content-Type": contentType, "Content-Disposition": "attachment", "X-Content-Type-Options": "nosniff",
			"Content-Security-Policy": "default-src 'none'",
		} {
			if r.Header.Get(header) != want {
				t.Errorf("%s: %s is %q, want %q", r.Request, header, r.Header.Get(header), want)
			}
		}
	}
	if content != nil && !bytes.Equal(got.Content, content) {
		t.Errorf("the picture has %d bytes, want %d", len(got.Content), len(content))
	}
	if head.Header.Get("Content-Length") != got.Header.Get("Content-Length") {
		t.Error("HEAD and GET have different lengths")
	}
	changed := link[:len(link)-2] + strings.Map(func(r rune) rune { return 'A' + (r-'A'+1)%26 }, "AB")
	s.Anonymous().Get(t, changed).WantProblem(t, http.StatusNotFound, "not_found", "")
}

// The text of a message is there whatever becomes of its pictures.
func TestAPictureThatCannotBeFetchedCostsNoText(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	s.Receive(t, s.line, sim.Inbound{Body: "not a picture", Media: []sim.Picture{
		{ContentType: "image/png", Content: []byte("<svg onload=alert(1)>")}, {ContentType: "image/png", Content: drawing(t, "gif")},
	}})
	conversation := s.conversation(t, apitest.Customer)
	last := func() *apitest.Response {
		return s.manager.Get(t, s.at.Path("/interactions/%s/messages", conversation)).Want(t, http.StatusOK)
	}
	for _, path := range []string{"items.0.attachments.0", "items.0.attachments.1"} {
		if r := last(); r.String(t, path+".status") != "failed" || r.String(t, path+".failure") == "" || r.String(t, path+".url") != "" {
			t.Errorf("%s: %s", path, r.Content)
		}
	}

	s.Inject(t, s.line, sim.Inbound{Body: "gone", Media: []sim.Picture{{ContentType: "image/png", Content: drawing(t, "png")}}})
	s.Sim.ClearReceived() // the provider answers 404 from now on
	s.Work(t)
	if r := last(); r.String(t, "items.0.body") != "gone" || r.String(t, "items.0.attachments.0.status") != "pending" {
		t.Errorf("at first the message is %s", r.Content)
	}
	for range 6 {
		s.Advance(t, 31*time.Minute)
	}
	if r := last(); r.String(t, "items.0.body") != "gone" || r.String(t, "items.0.attachments.0.status") != "failed" {
		t.Errorf("in the end the message is %s", r.Content)
	}
}

// Covers: SMS-03
func TestUploadsAreJudgedByTheirContent(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	upload := func(name string, content []byte) *apitest.Response {
		t.Helper()
		return s.manager.Upload(t, s.at.Path("/attachments"), name, content)
	}
	big := append(drawing(t, "png"), bytes.Repeat([]byte{0}, 5<<20)...)
	upload("a.gif", drawing(t, "gif")).WantProblem(t, http.StatusUnprocessableEntity, "picture_type_not_allowed", "body.file")
	upload("a.png", drawing(t, "gif")).WantProblem(t, http.StatusUnprocessableEntity, "picture_type_not_allowed", "body.file")
	upload("a.png", []byte("no picture")).WantProblem(t, http.StatusUnprocessableEntity, "picture_type_not_allowed", "body.file")
	upload("a.png", drawing(t, "png")[:12]).WantProblem(t, http.StatusUnprocessableEntity, "picture_type_not_allowed", "body.file")
	upload("a.png", nil).WantProblem(t, http.StatusUnprocessableEntity, "picture_type_not_allowed", "body.file")
	if r := upload("a.png", big); r.Status != http.StatusRequestEntityTooLarge {
		t.Errorf("5 MB and more: %d %s", r.Status, r.Content)
	}
	wantCount(t, s.Platform, 0, "SELECT count(*) FROM attachments")

	jpg := upload("it says gif.gif", drawing(t, "jpeg")).Want(t, http.StatusCreated)
	if jpg.String(t, "content_type") != "image/jpeg" || jpg.Header.Get("Location") == "" {
		t.Errorf("the upload is %s", jpg.Content)
	}
	s.manager.Get(t, jpg.Header.Get("Location")).Want(t, http.StatusOK)
	s.wantPicture(t, jpg.String(t, "url"), "image/jpeg", nil)
}

// Covers: SMS-03
func TestAPictureGoesOutOnce(t *testing.T) {
	t.Parallel()
	for _, name := range []provider.Name{provider.Twilio, provider.Scopserv} {
		t.Run(string(name), func(t *testing.T) {
			t.Parallel()
			s := sceneWith(t, name)
			s.script(t, number(1), sim.Script{CheckMedia: true})
			picture := s.manager.Upload(t, s.at.Path("/attachments"), "map.png", drawing(t, "png")).Want(t, http.StatusCreated).String(t, "id")
			sent := s.admin.Post(t, s.at.Path("/messages"), apitest.Body{
				"channel_id": s.line.ChannelID, "to": number(1), "attachment_ids": []string{picture},
			}).Want(t, http.StatusCreated)
			s.Work(t)
			m := s.wantMessage(t, sent.String(t, "id"), "delivered", "")
			if m.String(t, "attachments.0.id") != picture {
				t.Errorf("the message is %s", m.Content)
			}
			got := s.accepted(number(1))
			if len(got) != 1 || len(got[0].MediaURLs) != 1 || len(got[0].MediaChecked) != 1 || !got[0].MediaChecked[0].OK {
				t.Fatalf("the carrier has %+v", got)
			}
			// The carrier may be slow to fetch it.
			s.Advance(t, 11*time.Hour)
			s.wantPicture(t, got[0].MediaURLs[0], "image/png", nil)
			s.admin.Post(t, s.at.Path("/messages"), apitest.Body{
				"channel_id": s.line.ChannelID, "to": number(2), "attachment_ids": []string{picture},
			}).WantProblem(t, http.StatusUnprocessableEntity, "validation_failed", "body.attachment_ids[0]")
		})
	}
	t.Run("clickatell", func(t *testing.T) {
		t.Parallel()
		s := sceneWith(t, provider.Clickatell)
		picture := s.manager.Upload(t, s.at.Path("/attachments"), "map.png", drawing(t, "png")).Want(t, http.StatusCreated).String(t, "id")
		s.admin.Post(t, s.at.Path("/messages"), apitest.Body{
			"channel_id": s.line.ChannelID, "to": number(1), "attachment_ids": []string{picture},
		}).WantProblem(t, http.StatusUnprocessableEntity, "channel_not_capable", "body.attachment_ids")
	})
}
