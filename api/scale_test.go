package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/trellishq/trellis/api/apitest"
	"github.com/trellishq/trellis/channels/provider"
)

// A report may have come before its message was recorded, so each accepted
// message looks for one. That must not cost more the more a channel has heard.
func TestLookingForEarlyReportsUsesItsIndex(t *testing.T) {
	t.Parallel()
	s := sceneWith(t, provider.Twilio)
	s.Tamper(t, `INSERT INTO provider_events (id, tenant_id, channel_id, kind, event_key, payload, raw, state, received_at)
		SELECT gen_random_uuid(), $1, $2, 'status', 'old-' || n, '{"ProviderID": "x"}', '', 'done', now()
		FROM generate_series(1, 20000) n`, s.at.ID, s.line.ChannelID)
	s.Tamper(t, "ANALYZE provider_events")
	plan := s.Text(t, fmt.Sprintf(`EXPLAIN (FORMAT JSON) UPDATE provider_events SET state = 'pending'
		WHERE tenant_id = '%s' AND channel_id = '%s' AND state = 'orphan' AND payload->>'ProviderID' = 'y'`, s.at.ID, s.line.ChannelID))
	if !strings.Contains(plan, "h_provider_events_orphans") {
		t.Errorf("the plan is\n%s", plan)
	}
	sent := s.admin.Post(t, s.at.Path("/messages"), apitest.Body{"channel_id": s.line.ChannelID, "to": number(1), "body": "hello"}).
		Want(t, http.StatusCreated)
	s.Work(t)
	s.wantMessage(t, sent.String(t, "id"), "delivered", "")
}
