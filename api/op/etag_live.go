package op

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"strconv"
)

// LiveVersion makes the strong ETag of a resource that also shows what changes
// by itself, such as who is online: another state is another tag, and If-Match
// asks for the version alone, so that nobody's change is refused for it.
func LiveVersion(version int64, live ...any) ETag {
	sum := sha256.Sum256(fmt.Append(nil, live...))
	return ETag{ETag: strconv.Quote(strconv.FormatInt(version, 10) + "-" + hex.EncodeToString(sum[:6]))}
}

var liveTag = regexp.MustCompile(`"([0-9]+)-[0-9a-f]{12}"`)

// versionsOf reduces the tags of LiveVersion in a list to those of Version.
func versionsOf(list string) string { return liveTag.ReplaceAllString(list, `"$1"`) }
