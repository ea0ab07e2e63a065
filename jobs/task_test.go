package jobs_test

import (
	"testing"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/internal/id"
	"github.com/trellishq/trellis/jobs"
)

func TestATaskSurvivesItsWay(t *testing.T) {
	t.Parallel()
	for _, kind := range jobs.Kinds() {
		task := jobs.Task{Kind: kind, TenantID: id.New(), ID: id.New(), Round: 1772895845000001}
		read, err := jobs.ParseTask(task.Encode())
		if err != nil || read != task {
			t.Errorf("%+v came back as %+v, %v", task, read, err)
		}
		next := task
		next.Round++
		if task.Key() == next.Key() {
			t.Error("the next round of a row has the same key: a stuck task would block it")
		}
	}
}

// What is read names a row of a known kind, or is an error.
func FuzzParseTask(f *testing.F) {
	f.Add(jobs.Task{Kind: jobs.Messages, TenantID: id.New(), ID: id.New(), Round: 1}.Encode())
	f.Add([]byte(`{"kind":"messages","id":"00000000-0000-0000-0000-000000000000"}`))
	f.Add([]byte(`{"kind":"messages; DROP TABLE messages","id":"01a1fe97-dd3c-7b22-bf61-18c01d10f952","tenant_id":"01a1fe97-dd3c-7b22-bf61-18c01d10f952"}`))
	f.Add([]byte(`{"round":1e999}`))
	f.Add([]byte("\x00"))
	f.Fuzz(func(t *testing.T, payload []byte) {
		task, err := jobs.ParseTask(payload)
		if err != nil {
			if task != (jobs.Task{}) {
				t.Errorf("an error and a task: %+v", task)
			}
			return
		}
		known := false
		for _, kind := range jobs.Kinds() {
			known = known || kind == task.Kind
		}
		if !known || task.ID == uuid.Nil || task.TenantID == uuid.Nil {
			t.Errorf("a task that names no row: %+v", task)
		}
		again, err := jobs.ParseTask(task.Encode())
		if err != nil || again != task {
			t.Errorf("%+v came back as %+v, %v", task, again, err)
		}
	})
}
