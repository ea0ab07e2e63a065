package sim

import (
	"context"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"

	"github.com/trellishq/trellis/channels/provider"
)

// maxPicture bounds what is read of one picture, Twilio's limit for a message.
const maxPicture = 5 << 20

// MediaCheck is what a carrier found behind one media URL.
type MediaCheck struct {
	URL         string `json:"url"`
	HeadStatus  int    `json:"head_status"`
	GetStatus   int    `json:"get_status"`
	ContentType string `json:"content_type"`
	Size        int    `json:"size"`
	// OK: HEAD and GET both answer 200 and agree on a content type that the
	// picture's first bytes confirm.
	OK bool `json:"ok"`
	// Problem says what is wrong.
	Problem string `json:"problem,omitempty"`
}

func (s *Simulator) checkMedia(ctx context.Context, urls []string) []MediaCheck {
	checks := make([]MediaCheck, len(urls))
	for i, url := range urls {
		checks[i] = s.checkPicture(ctx, url)
	}
	return checks
}

func (s *Simulator) checkPicture(ctx context.Context, url string) MediaCheck {
	check := MediaCheck{URL: url}
	head, _, err := s.fetch(ctx, http.MethodHead, url) //nolint:bodyclose // fetch has read and closed it
	if err != nil {
		check.Problem = "HEAD: " + err.Error()
		return check
	}
	get, content, err := s.fetch(ctx, http.MethodGet, url) //nolint:bodyclose // likewise
	if err != nil {
		check.Problem = "GET: " + err.Error()
		return check
	}
	check.HeadStatus, check.GetStatus = head.StatusCode, get.StatusCode
	check.ContentType, check.Size = get.Header.Get("Content-Type"), len(content)
	check.Problem = pictureProblem(head, get, content)
	check.OK = check.Problem == ""
	return check
}

func pictureProblem(head, get *http.Response, content []byte) string {
	headType, getType := mediaType(head), mediaType(get)
	switch sniffed := http.DetectContentType(content); {
	case head.StatusCode != http.StatusOK || get.StatusCode != http.StatusOK:
		return fmt.Sprintf("HEAD answered %d and GET %d", head.StatusCode, get.StatusCode)
	case headType != getType:
		return fmt.Sprintf("HEAD says %q and GET says %q", headType, getType)
	case sniffed != getType:
		return fmt.Sprintf("announced as %q and looks like %q", getType, sniffed)
	case len(content) > maxPicture:
		return "larger than 5 MB"
	}
	return ""
}

func mediaType(resp *http.Response) string {
	t, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil {
		return ""
	}
	return t
}

func (s *Simulator) fetch(ctx context.Context, method, url string) (*http.Response, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.CallbackTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		return nil, nil, err
	}
	resp, err := s.cfg.HTTP.Do(r)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	content, err := io.ReadAll(io.LimitReader(resp.Body, maxPicture+1))
	return resp, content, err
}

// mediaPath is where a picture of a customer's message is served.
func mediaPath(m *Received, id string) string {
	if m.Provider == provider.Twilio {
		return fmt.Sprintf("/2010-04-01/Accounts/%s/Messages/%s/Media/%s", m.account.id, m.SID, id)
	}
	return "/carrier/media/" + id
}

func (p *ReceivedMedia) write(w http.ResponseWriter) {
	w.Header().Set("Content-Type", p.ContentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(p.content)))
	_, _ = w.Write(p.content) // a client that went away is its own affair
}

// serveCarrierMedia serves the operator's pictures; their addresses are secret.
func (s *Simulator) serveCarrierMedia(w http.ResponseWriter, r *http.Request) {
	picture := s.inbox.picture(r.PathValue("media"))
	if picture == nil {
		http.NotFound(w, r)
		return
	}
	picture.write(w)
}
