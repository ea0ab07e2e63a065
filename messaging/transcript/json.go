package transcript

import (
	"encoding/json"
	"io"
	"time"
)

// jsonWriter writes one object whose lines come one after the other, so that
// nothing is held in memory.
type jsonWriter struct {
	w     io.Writer
	zone  *time.Location
	began bool
}

func (j *jsonWriter) write(before string, v any) error {
	content, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = j.w.Write(append([]byte(before), content...))
	return err
}

// Head implements Writer.
func (j *jsonWriter) Head(h Head) error {
	h.Started = h.Started.In(j.zone)
	if h.Closed != nil {
		closed := h.Closed.In(j.zone)
		h.Closed = &closed
	}
	if err := j.write(`{"interaction":`, h); err != nil {
		return err
	}
	_, err := io.WriteString(j.w, `,"lines":[`)
	return err
}

// Line implements Writer.
func (j *jsonWriter) Line(l Line) error {
	l.At = l.At.In(j.zone)
	if l.Pictures == nil {
		l.Pictures = []Picture{}
	}
	before := ","
	if !j.began {
		before, j.began = "", true
	}
	return j.write(before+"\n", l)
}

// Close implements Writer.
func (j *jsonWriter) Close() error {
	_, err := io.WriteString(j.w, "]}\n")
	return err
}
