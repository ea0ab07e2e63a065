package sim_test

import (
	"strings"
	"testing"

	"github.com/trellishq/trellis/channels/provider"
)

func (b *bundle) clickatell(t *testing.T, method, path, body string) reply {
	t.Helper()
	r := b.request(t, method, path, "application/json", body)
	r.Header.Set("Authorization", apiKey)
	return exchange(t, r)
}

func TestClickatellAnswersEachMessageOfARequest(t *testing.T) {
	t.Parallel()
	b := setup(t)
	r := b.clickatell(t, "POST", "/clickatell/v1/message", `{"messages":[
		{"channel":"sms","to":"15145550199","content":"Hi","clientMessageId":"a"},
		{"channel":"sms","to":"abc","content":"Hi","clientMessageId":"b"},
		{"channel":"whatsapp","to":"15145550199","content":"Hi"},
		{"channel":"sms","to":"15145550199","content":""},
		{"channel":"sms","from":"15145550111","to":"15145550199","content":"Hi"}]}`)
	var got struct {
		Messages []struct {
			APIMessageID *string `json:"apiMessageId"`
			Accepted     bool
			To           string
			Error        *struct{ Code int }
		}
	}
	r.decode(t, &got)
	if r.status != 207 || len(got.Messages) != 5 || !got.Messages[0].Accepted || got.Messages[0].Error != nil {
		t.Fatalf("answer = %+v", r)
	}
	for i, code := range []int{25, 39, 23, 45} {
		if m := got.Messages[i+1]; m.Accepted || m.APIMessageID != nil || m.Error == nil || m.Error.Code != code {
			t.Errorf("message %d = %+v, want code %d", i+1, m, code)
		}
	}
	b.settle(t)
	id := *got.Messages[0].APIMessageID
	for path, want := range map[string]string{
		"/v1/message/" + id:             `"sms":{"apiMessageId":"` + id,
		"/v1/message?clientMessageId=a": `"status":"DEVICE_ACK"`,
		"/v1/message?clientMessageId=b": `{"messages":[]}`,
		"/v1/message/0123":              `"code":41`,
		"/clickatell/v1/message/" + id:  `"statusCode":5`,
		"/clickatell/v1/balance":        `"balance"`,
	} {
		if r := b.clickatell(t, "GET", path, ""); !strings.Contains(r.body, want) {
			t.Errorf("%s = %+v, want %s", path, r, want)
		}
	}
}

func TestClickatellRefusesStrangersAndNonsense(t *testing.T) {
	t.Parallel()
	b := setup(t)
	r := b.submission(t, provider.Clickatell, message{})
	r.Header.Set("Authorization", "Bearer "+apiKey)
	if answer := exchange(t, r); answer.status != 401 || !strings.Contains(answer.body, `"code":1`) {
		t.Errorf("wrong key: %+v", answer)
	}
	for _, body := range []string{"", "{", `{"messages":[]}`} {
		if r := b.clickatell(t, "POST", "/v1/message", body); r.status != 400 || !strings.Contains(r.body, `"code":21`) {
			t.Errorf("%q: %+v", body, r)
		}
	}
}
