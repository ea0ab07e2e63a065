package crashtest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// object is a JSON object.
type object map[string]any

func (o object) text(name string) string {
	text, _ := o[name].(string)
	return text
}

// client speaks to the API.
type client struct {
	url, bearer string
	http        *http.Client
}

func newClient(url, bearer string) *client {
	return &client{url, bearer, &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 32}}}
}

// answer is what the API said; err where it said nothing.
type answer struct {
	status int
	header http.Header
	body   object
	raw    string
	took   time.Duration
	err    error
}

func (a answer) String() string {
	if a.err != nil {
		return a.err.Error()
	}
	return fmt.Sprintf("%d %s", a.status, a.raw)
}

func (c *client) call(ctx context.Context, method, path string, body any, key string) answer {
	var content bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&content).Encode(body); err != nil {
			return answer{err: err}
		}
	}
	request, err := http.NewRequestWithContext(ctx, method, c.url+path, &content)
	if err != nil {
		return answer{err: err}
	}
	// Without it the transport itself repeats requests that carry an
	// Idempotency-Key; the tests want to see every answer.
	request.GetBody = nil
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if c.bearer != "" {
		request.Header.Set("Authorization", "Bearer "+c.bearer)
	}
	if key != "" {
		request.Header.Set("Idempotency-Key", key)
	}
	started := time.Now()
	response, err := c.http.Do(request)
	if err != nil {
		return answer{err: err, took: time.Since(started)}
	}
	defer func() { _ = response.Body.Close() }()
	raw, err := io.ReadAll(response.Body)
	a := answer{status: response.StatusCode, header: response.Header, raw: string(raw), err: err, took: time.Since(started)}
	_ = json.Unmarshal(raw, &a.body)
	return a
}

// must is call for what cannot fail.
func (c *client) must(ctx context.Context, method, path string, body any) (object, error) {
	a := c.call(ctx, method, path, body, "")
	if a.err != nil || a.status >= http.StatusBadRequest {
		return nil, fmt.Errorf("%s %s: %s", method, path, a)
	}
	return a.body, nil
}
