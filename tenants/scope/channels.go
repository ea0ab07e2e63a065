package scope

import (
	"context"

	"github.com/google/uuid"
)

type channelsKey struct{}

// OnlyChannels returns a context whose work is confined to some channels of its
// tenant, and to what came and went through them: that of a key for one line of
// many. Nil lifts the confinement.
func OnlyChannels(ctx context.Context, ids []uuid.UUID) context.Context {
	return context.WithValue(ctx, channelsKey{}, ids)
}

// Channels tells to which channels work is confined; nil to none.
func Channels(ctx context.Context) []uuid.UUID {
	ids, _ := ctx.Value(channelsKey{}).([]uuid.UUID)
	return ids
}
