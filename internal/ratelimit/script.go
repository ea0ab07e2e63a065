package ratelimit

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

// script is the algorithm of memory.take for several keys, all or nothing.
// Times are microseconds of the caller's clock: it is the one that tests freeze,
// and clocks that differ by less than a second shift no window of a minute by
// much. One that runs far ahead can use up a budget, and no more than one
// window of it. Lua's numbers hold quarters of microseconds exactly until the
// year 2041, and eighths of them not today: see grain.
//
// KEYS are the buckets. ARGV is now, and for each bucket the time in which one
// unit comes back, that in which all do, and the cost. The answer is whether it
// was taken, and for each bucket how long until it is full and how much later
// than allowed the taking was; fractions travel as text, since Redis cuts
// numbers off.
var script = redis.NewScript(`
local now = tonumber(ARGV[1])
local known = redis.call('MGET', unpack(KEYS))
local before, after, late, allowed = {}, {}, {}, 1
for i = 1, #KEYS do
  local per, burst, cost = tonumber(ARGV[3*i-1]), tonumber(ARGV[3*i]), tonumber(ARGV[3*i+1])
  local full = tonumber(known[i] or now)
  if full < now then full = now end
  if full > now + burst then full = now + burst end
  before[i], after[i], late[i] = full, full, 0
  if cost > 0 then
    after[i] = full + cost * per
    late[i] = after[i] - now - burst
    if late[i] > 0 then allowed = 0 end
  end
end
local answer = {allowed}
for i = 1, #KEYS do
  local full = before[i]
  if allowed == 1 and after[i] > before[i] then
    full = after[i]
    redis.call('SET', KEYS[i], string.format('%.2f', full), 'PX', math.ceil((full - now) / 1000) + 1000)
  end
  answer[#answer+1] = string.format('%.2f', full - now)
  answer[#answer+1] = string.format('%.2f', late[i])
end
return answer
`)

// keyPrefix sets our keys apart from those of the tasks.
const keyPrefix = "trellis:rate:"

// run asks Redis. It returns how each bucket stands, and how long until it is
// full.
func run(ctx context.Context, client Redis, buckets []Bucket, now time.Time) ([]Result, []time.Duration, error) {
	keys := make([]string, len(buckets))
	args := make([]any, 0, 1+3*len(buckets))
	args = append(args, strconv.FormatInt(now.UnixMicro(), 10))
	for i, b := range buckets {
		keys[i] = keyPrefix + b.Key
		rate := b.Rate.grained()
		args = append(args, micros(rate.perOne()), micros(rate.burst()), min(b.Cost, rate.Limit+1))
	}
	answer, err := script.Run(ctx, client, keys, args...).Slice()
	if err != nil {
		return nil, nil, err
	}
	if len(answer) != 1+2*len(buckets) {
		return nil, nil, fmt.Errorf("ratelimit: Redis answered %d values", len(answer))
	}
	results, fulls := make([]Result, len(buckets)), make([]time.Duration, len(buckets))
	for i, b := range buckets {
		full, err := duration(answer[1+2*i])
		if err != nil {
			return nil, nil, err
		}
		late, err := duration(answer[2+2*i])
		if err != nil {
			return nil, nil, err
		}
		results[i], fulls[i] = b.judge(full, late), full
	}
	return results, fulls, nil
}

// grain is the fraction of time that the script calculates with, without ever
// rounding.
const grain = 250 * time.Nanosecond

// grained is the rate with a perOne that is a multiple of grain.
func (r Rate) grained() Rate {
	perOne := max(r.perOne().Truncate(grain), grain)
	return Rate{r.Limit, perOne * time.Duration(r.Limit)}
}

// judge words what Redis found out about one bucket.
func (b Bucket) judge(full, late time.Duration) Result {
	result := b.Rate.grained().state(full)
	result.Allowed = late <= 0
	if !result.Allowed {
		result.RetryAfter = late
	}
	if b.Cost > b.Rate.Limit {
		result.RetryAfter = result.Reset
	}
	return result
}

func micros(d time.Duration) string {
	return strconv.FormatFloat(float64(d)/float64(time.Microsecond), 'f', 2, 64)
}

func duration(answer any) (time.Duration, error) {
	text, _ := answer.(string)
	us, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0, fmt.Errorf("ratelimit: Redis answered %q: %w", text, err)
	}
	return time.Duration(us * float64(time.Microsecond)), nil
}
