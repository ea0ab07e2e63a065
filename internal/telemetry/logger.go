// Package telemetry owns what the program tells about itself: its log, its
// metrics and the private listener that serves them. No secret, no message
// text and no whole telephone number leaves through it (rules.md D6-3), and no
// metric is labelled with a tenant.
package telemetry

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"slices"
)

// LogConfig says how to log.
type LogConfig struct {
	// Level is the least important level that is written; zero is info.
	Level slog.Level
	// Text writes key=value lines instead of JSON.
	Text bool
}

// NewLogger makes a logger that writes one line a record and adds request_id
// from the context at the top. Telephone numbers are masked, and attributes
// whose names promise a secret or a message's text are replaced by •••.
func NewLogger(w io.Writer, c LogConfig) *slog.Logger {
	options := &slog.HandlerOptions{Level: c.Level}
	if c.Text {
		return slog.New(&handler{next: slog.NewTextHandler(w, options)})
	}
	return slog.New(&handler{next: slog.NewJSONHandler(w, options)})
}

type requestIDKey struct{}

// WithRequestID returns a context whose log lines carry the request's id.
func WithRequestID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestIDKey{}, id)
}

// RequestID returns the id of the request that the context serves, or "".
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}

// handler cleans records before another handler writes them. It keeps the open
// groups to itself, so that request_id stays outside of them.
type handler struct {
	next   slog.Handler
	groups []group
}

type group struct {
	name  string
	attrs []slog.Attr
}

// Enabled implements slog.Handler.
func (h *handler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.next.Enabled(ctx, level)
}

// WithAttrs implements slog.Handler.
func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	attrs = cleanAttrs(attrs)
	if len(h.groups) == 0 {
		return &handler{next: h.next.WithAttrs(attrs)}
	}
	groups := slices.Clone(h.groups)
	last := &groups[len(groups)-1]
	last.attrs = slices.Concat(last.attrs, attrs)
	return &handler{next: h.next, groups: groups}
}

// WithGroup implements slog.Handler.
func (h *handler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	return &handler{next: h.next, groups: append(slices.Clone(h.groups), group{name: name})}
}

// Handle implements slog.Handler.
func (h *handler) Handle(ctx context.Context, record slog.Record) error {
	clean := slog.NewRecord(record.Time, record.Level, maskText(record.Message), record.PC)
	if id := RequestID(ctx); id != "" {
		clean.AddAttrs(slog.String("request_id", id))
	}
	var attrs []slog.Attr
	record.Attrs(func(a slog.Attr) bool {
		attrs = append(attrs, cleanAttr(a))
		return true
	})
	for _, g := range slices.Backward(h.groups) {
		inside := slog.Attr{Key: g.name, Value: slog.GroupValue(slices.Concat(g.attrs, attrs)...)}
		attrs = []slog.Attr{inside}
	}
	clean.AddAttrs(attrs...)
	return h.next.Handle(ctx, clean)
}

func cleanAttrs(attrs []slog.Attr) []slog.Attr {
	clean := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		clean[i] = cleanAttr(a)
	}
	return clean
}

func cleanAttr(a slog.Attr) slog.Attr {
	a.Key = maskText(a.Key)
	a.Value = a.Value.Resolve()
	switch a.Value.Kind() {
	case slog.KindString:
		a.Value = slog.StringValue(cleanString(a.Key, a.Value.String()))
	case slog.KindGroup:
		a.Value = cleanGroup(a.Key, a.Value.Group())
	case slog.KindAny:
		a.Value = slog.AnyValue(cleanAny(a.Key, a.Value.Any()))
	}
	return a // numbers, booleans, times and durations are no secrets
}

func cleanGroup(key string, attrs []slog.Attr) slog.Value {
	if isSensitive(key) {
		return slog.StringValue(mask)
	}
	return slog.GroupValue(cleanAttrs(attrs)...)
}

func cleanString(key, value string) string {
	if isSensitive(key) {
		return mask
	}
	return maskText(value)
}

// cleanAny writes a value as the JSON it would become and cleans that, so that
// the fields of structs and the keys of maps are judged as attributes are.
func cleanAny(key string, value any) any {
	if isSensitive(key) {
		return mask
	}
	switch value := value.(type) {
	case nil:
		return nil
	case error:
		return maskText(safely(value.Error))
	}
	encoded, err := safeJSON(value)
	if err != nil {
		return fmt.Sprintf("(%T that cannot be written)", value)
	}
	var plain any
	if err := json.Unmarshal(encoded, &plain); err != nil {
		return fmt.Sprintf("(%T that cannot be written)", value)
	}
	return cleanJSON(key, plain)
}

func cleanJSON(key string, value any) any {
	switch value := value.(type) {
	case string:
		return cleanString(key, value)
	case []any:
		if isSensitive(key) {
			return mask
		}
		for i := range value {
			value[i] = cleanJSON("", value[i])
		}
	case map[string]any:
		if isSensitive(key) {
			return mask
		}
		clean := make(map[string]any, len(value))
		for k, v := range value {
			clean[maskText(k)] = cleanJSON(k, v)
		}
		return clean
	}
	return value
}

// safeJSON encodes a value; a nil pointer whose method panics must not take
// the program down with its log line.
func safeJSON(value any) (encoded []byte, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("encoding panicked")
		}
	}()
	return json.Marshal(value)
}

func safely(text func() string) (out string) {
	defer func() {
		if r := recover(); r != nil {
			out = "(an error that cannot be written)"
		}
	}()
	return text()
}
