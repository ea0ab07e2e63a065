package op

import "testing"

func TestALiveVersionIsMatchedByItsVersion(t *testing.T) {
	t.Parallel()
	online, away := LiveVersion(7, "online"), LiveVersion(7, "away")
	if online == away || online == LiveVersion(8, "online") || online != LiveVersion(7, "online") {
		t.Errorf("the tags are %s and %s", online.ETag, away.ETag)
	}
	for tag, passes := range map[string]bool{
		online.ETag: true, away.ETag: true, `"6", ` + online.ETag: true, Version(7).ETag: true,
		LiveVersion(8, "online").ETag: false, `W/` + online.ETag: false, `"7-x"`: false, `"7-"`: false,
	} {
		if err := (IfMatch{IfMatch: tag}).Check(7); (err == nil) != passes {
			t.Errorf("If-Match: %s on version 7: %v", tag, err)
		}
	}
}
