package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

func measureDemo(ctx context.Context, b *bench) ([]result, error) {
	var took []float64
	for range 5 {
		t, err := b.startDemo(ctx)
		if err != nil {
			return nil, err
		}
		took = append(took, t.Seconds())
	}
	slices.Sort(took)
	return []result{{
		name: "demo_ready", unit: "s", value: took[len(took)/2], less: true,
		notes: fmt.Sprintf("middle of %d starts in empty directories, %.2f to %.2f s", len(took), took[0], took[len(took)-1]),
	}}, nil
}

func (b *bench) startDemo(ctx context.Context) (time.Duration, error) {
	dir, err := os.MkdirTemp(b.dir, "demo-")
	if err != nil {
		return 0, err
	}
	address, err := freeAddress()
	if err != nil {
		return 0, err
	}
	cmd := exec.Command(b.binary, "demo")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "TRELLIS_HTTP_ADDR="+address, "TRELLIS_METRICS_ADDR=off")
	started := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	defer func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	}()
	err = await(ctx, func() bool { return answers("http://" + address + "/readyz") })
	return time.Since(started), err
}

// testsOfSending are those that prove messaging/interactions/send.go: its own,
// and those that go through the front door.
const testsOfSending = "Transition|Report|Texted|WhatAMessageMayBe|Segments|WhoMayStart|AnsweredIsA|ANameCannot|OwnIDNames|SentAgain|HandedOverInOrder|Starting|Resending"

// measureEdit works on a copy of the tree, so that nothing here is touched.
func measureEdit(ctx context.Context, b *bench) ([]result, error) {
	tree := filepath.Join(b.dir, "tree")
	files, err := exec.CommandContext(ctx, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard").Output()
	if err != nil {
		return nil, err
	}
	for _, name := range strings.Split(strings.TrimRight(string(files), "\x00"), "\x00") {
		if err := copyFile(name, filepath.Join(tree, name)); err != nil {
			return nil, err
		}
	}
	tests := []string{"test", "-count=1", "./messaging/interactions/...", "./api", "-run", testsOfSending}
	if _, err := inTree(ctx, tree, nil, tests...); err != nil { // warm, as in a working day
		return nil, err
	}
	if err := edit(filepath.Join(tree, "messaging/interactions/send.go"), "\n// An edit.\nvar edited = len(transitions)\n\nvar _ = edited\n"); err != nil {
		return nil, err
	}
	editTest, err := inTree(ctx, tree, nil, tests...)
	if err != nil {
		return nil, err
	}
	if err := edit(filepath.Join(tree, "ent/schema/contact.go"), ""); err != nil {
		return nil, err
	}
	schema, err := rebuildSchema(ctx, tree)
	if err != nil {
		return nil, err
	}
	cold, err := inTree(ctx, tree, []string{"GOCACHE=" + filepath.Join(b.dir, "cold-cache")}, "build", "-o", os.DevNull, "./cmd/trellis")
	if err != nil {
		return nil, err
	}
	return []result{
		{name: "edit_test", unit: "s", value: editTest.Seconds(), less: true, notes: "messaging/interactions/send.go edited; the tests that prove it: its package's, and those of ./api through HTTP"},
		{name: "schema_rebuild", unit: "s", value: schema.Seconds(), less: true, notes: "a field added to an entity; go generate ./ent and go build ./cmd/trellis"},
		{name: "cold_build", unit: "s", value: cold.Seconds(), less: true, notes: "go build ./cmd/trellis with an empty build cache and modules downloaded"},
	}, nil
}

func rebuildSchema(ctx context.Context, tree string) (time.Duration, error) {
	path := filepath.Join(tree, "ent/schema/contact.go")
	content, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	changed := strings.Replace(string(content), `field.Text("name")`, `field.Text("measured").Default(""),`+"\n\t\t"+`field.Text("name")`, 1)
	if err := os.WriteFile(path, []byte(changed), 0o600); err != nil {
		return 0, err
	}
	generate, err := inTree(ctx, tree, nil, "generate", "./ent")
	if err != nil {
		return 0, err
	}
	build, err := inTree(ctx, tree, nil, "build", "-o", os.DevNull, "./cmd/trellis")
	return generate + build, err
}

func inTree(ctx context.Context, tree string, env []string, args ...string) (time.Duration, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = tree
	cmd.Env = append(os.Environ(), env...)
	started := time.Now()
	if out, err := cmd.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return time.Since(started), nil
}

func edit(path, text string) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	if _, err := f.WriteString(text); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}

func copyFile(from, to string) error {
	content, err := os.ReadFile(from)
	if os.IsNotExist(err) {
		return nil // deleted and not committed yet
	}
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	return os.WriteFile(to, content, 0o600)
}
