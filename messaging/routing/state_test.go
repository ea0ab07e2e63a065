package routing

import "testing"

// An offer is answered once; what is over stays what it became.
func TestEveryActionOnEveryOffer(t *testing.T) {
	t.Parallel()
	want := map[Action]State{Accept: Accepted, Reject: Rejected, Lose: Taken, Expire: Expired, Withdraw: Withdrawn}
	for _, from := range States() {
		for _, action := range Actions() {
			to, ok := Next(from, action)
			if from == Open && (!ok || to != want[action]) || from != Open && (ok || to != "") {
				t.Errorf("%s an offer that is %s: %q, %v", action, from, to, ok)
			}
		}
	}
}
