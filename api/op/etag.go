package op

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/trellishq/trellis/internal/fault"
)

// ETag is embedded in outputs that show one resource. With it, If-None-Match
// works by itself.
type ETag struct {
	ETag string `header:"ETag" maxLength:"64" pattern:"^\"[!#-~]*\"$" doc:"The version of the resource." example:"\"7\""`
}

// Version makes the strong ETag of a resource's version.
func Version(version int64) ETag { return ETag{ETag: strconv.Quote(strconv.FormatInt(version, 10))} }

// Location is embedded in outputs of operations that create a resource.
type Location struct {
	Location string `header:"Location" format:"uri-reference" maxLength:"2048" doc:"Where the new resource is." example:"/v1/tenants/0197b1f0-1c2a-7d3e-8f4a-5b6c7d8e9f00"`
}

// At is the Location of a new resource.
func At(format string, args ...any) Location { return Location{fmt.Sprintf(format, args...)} }

// IfMatch is embedded in inputs of operations that change a resource.
type IfMatch struct {
	IfMatch string `header:"If-Match" maxLength:"1000" pattern:"^[!-~ ]*$" doc:"Change only this version: the ETag as it was read." example:"\"7\""`
}

// Check compares the resource's present version with what the client has
// seen. Services call it inside of the transaction that changes the row, with
// the row locked. Without If-Match everything passes.
func (m IfMatch) Check(version int64) error {
	if m.IfMatch == "" || matches(versionsOf(m.IfMatch), Version(version).ETag, strong) {
		return nil
	}
	return fault.New(fault.Stale, fault.CodeStale, "The resource has changed since it was read.")
}

func (IfMatch) isIfMatch() {}

// checkIfMatch refuses a change that does not say which version it means,
// where the tenant wants it said (rules C5-1).
func (s *Surface) checkIfMatch(ctx context.Context, rq *request) error {
	if !rq.operation.conditional || rq.http.Header.Get("If-Match") != "" {
		return nil
	}
	required, err := s.cfg.Gate.RequiresIfMatch(ctx)
	if err != nil || !required {
		return err
	}
	return fault.New(fault.Required, fault.CodePreconditionRequired,
		"The tenant accepts changes only with If-Match: read the thing and send its ETag.").
		At("header.If-Match", "is missing")
}

// comparison is how two ETags are held to be the same (RFC 9110, 8.8.3.2).
type comparison bool

const (
	strong comparison = true
	weak   comparison = false
)

// matches tells whether a list of entity tags, or *, holds the present one.
func matches(list, present string, how comparison) bool {
	for _, tag := range splitTags(list) {
		if tag == "*" {
			return true
		}
		if how == weak {
			tag = strings.TrimPrefix(tag, "W/")
		}
		if tag == present {
			return true
		}
	}
	return false
}

// splitTags splits at commas outside of quotes.
func splitTags(list string) []string {
	var tags []string
	quoted, from := false, 0
	for i := 0; i <= len(list); i++ {
		if i < len(list) && list[i] == '"' {
			quoted = !quoted
		}
		if i == len(list) || list[i] == ',' && !quoted {
			if tag := strings.TrimSpace(list[from:i]); tag != "" {
				tags = append(tags, tag)
			}
			from = i + 1
		}
	}
	return tags
}

// notModified tells whether the client has this version already.
func notModified(r *http.Request, etag string) bool {
	if etag == "" || r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	return matches(strings.Join(r.Header.Values("If-None-Match"), ","), etag, weak)
}

// contentTag is the ETag of something that has no version but its content.
func contentTag(content []byte) string {
	sum := sha256.Sum256(content)
	return strconv.Quote(hex.EncodeToString(sum[:12]))
}
