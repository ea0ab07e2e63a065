package builtin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// runner starts PostgreSQL's programs on one home.
type runner struct {
	installation installation
	identity     identity
	home         *home
	durable      bool
	logger       *slog.Logger
}

// initialise makes the data: the cluster, its owner's role with the password,
// and the empty database. It works on a draft that is renamed when complete.
// Nothing is synced on the way; a durable server syncs once at the end.
func (r runner) initialise(ctx context.Context) error {
	if err := os.RemoveAll(r.home.draft()); err != nil {
		return err
	}
	if err := r.makeCluster(ctx); err != nil {
		return err
	}
	if err := r.makeDatabase(ctx); err != nil {
		return err
	}
	if r.durable {
		if err := r.run(ctx, "initdb", "", "--sync-only", "-D", r.home.draft()); err != nil {
			return err
		}
	}
	if err := os.Rename(r.home.draft(), r.home.data()); err != nil {
		return err
	}
	return syncDirectory(r.home.dir)
}

// makeCluster prefers UTF-8 character classes; a system without that locale
// gets the plain C one. The encoding is UTF-8 either way.
func (r runner) makeCluster(ctx context.Context) error {
	err := r.initdb(ctx, "C.UTF-8")
	if err != nil && strings.Contains(err.Error(), "invalid locale") {
		err = r.initdb(ctx, "C")
	}
	return err
}

func (r runner) initdb(ctx context.Context, locale string) error {
	return r.run(ctx, "initdb", "",
		"-D", r.home.draft(), "-U", ownerRole, "-A", "scram-sha-256", "--pwfile="+r.home.passwordFile(),
		"-E", "UTF8", "--locale="+locale, "--data-checksums", "--no-instructions", "--no-sync")
}

// makeDatabase uses the server's single-user mode: no port, no password and
// no database driver is involved.
func (r runner) makeDatabase(ctx context.Context) error {
	return r.run(ctx, "postgres", "CREATE DATABASE "+ownerDatabase+"\n",
		"--single", "-D", r.home.draft(), "-c", "exit_on_error=on", "-c", "fsync=off",
		"-c", "log_checkpoints=off", "postgres")
}

// run runs one of PostgreSQL's programs to its end. A cancelled context asks
// it to clean up, and kills it when that takes long.
func (r runner) run(ctx context.Context, program, input string, args ...string) error {
	cmd := exec.CommandContext(ctx, r.installation.program(program), args...)
	cmd.Dir, cmd.Env, cmd.SysProcAttr = r.home.dir, childEnvironment(), r.identity.processAttributes()
	cmd.Stdin = strings.NewReader(input)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	cmd.WaitDelay = 5 * time.Second
	out, err := runTied(cmd)
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("running %s: %w", program, ctx.Err())
	}
	return fmt.Errorf("running %s: %w", program, errors.Join(err, outputError(out)))
}

func syncDirectory(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
