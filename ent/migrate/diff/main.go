// Command diff writes the migration that leads from the versioned files to the
// entities' schemas, or proves with -check that there is none to write.
//
//	go run ./ent/migrate/diff add_queues
//	go run ./ent/migrate/diff -check
//
// It needs an empty database: the program's own PostgreSQL, or the one in
// TRELLIS_DEV_DATABASE_URL.
package main

import (
	"context"
	"database/sql"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"ariga.io/atlas/sql/migrate"
	aschema "ariga.io/atlas/sql/schema"
	"ariga.io/atlas/sql/sqltool"
	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"entgo.io/ent/dialect/sql/schema"
	_ "github.com/lib/pq"

	entmigrate "github.com/trellishq/trellis/ent/migrate"
	"github.com/trellishq/trellis/internal/builtin"
)

const migrationsDir = "ent/migrate/migrations"

func main() {
	check := flag.Bool("check", false, "fail if a migration is missing instead of writing it")
	flag.Parse()
	if err := run(context.Background(), *check, flag.Arg(0)); err != nil {
		fmt.Fprintln(os.Stderr, "diff:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, check bool, name string) error {
	url, stop, err := emptyDatabase(ctx)
	if err != nil {
		return err
	}
	defer stop()
	dir := migrationsDir
	if check {
		name = "missing"
		if dir, err = copyOf(migrationsDir); err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(dir) }()
	}
	before, err := count(dir)
	if err != nil {
		return err
	}
	if err := writeDiff(ctx, url, dir, name); err != nil {
		return err
	}
	after, err := count(dir)
	if err != nil {
		return err
	}
	if check && after > before {
		return fmt.Errorf("the schemas have changed and the migrations have not: go run ./ent/migrate/diff <name>")
	}
	return nil
}

// emptyDatabase returns a URL and what ends the database behind it.
func emptyDatabase(ctx context.Context) (string, func(), error) {
	if url := os.Getenv("TRELLIS_DEV_DATABASE_URL"); url != "" {
		return url, func() {}, nil
	}
	dir, err := os.MkdirTemp("", "trellis-diff-")
	if err != nil {
		return "", nil, err
	}
	pg, err := builtin.StartPostgres(ctx, builtin.PostgresConfig{Dir: dir})
	if err != nil {
		return "", nil, err
	}
	return pg.URL(), func() {
		_ = pg.Stop(ctx)
		_ = os.RemoveAll(dir)
	}, nil
}

func writeDiff(ctx context.Context, url, path, name string) error {
	db, err := sql.Open("postgres", url)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	dir, err := sqltool.NewGooseDir(path)
	if err != nil {
		return err
	}
	// The files are checked in and reviewed; a checksum file beside them would
	// only be one more thing to merge. Replay needs a current one all the same.
	sum, err := dir.Checksum()
	if err != nil {
		return err
	}
	if err := migrate.WriteSumFile(dir, sum); err != nil {
		return err
	}
	defer func() { _ = os.Remove(filepath.Join(path, migrate.HashFileName)) }()
	if err := createRoles(ctx, db); err != nil {
		return err
	}
	migrator, err := schema.NewMigrate(entsql.OpenDB(dialect.Postgres, db),
		schema.WithDir(dir), schema.WithMigrationMode(schema.ModeReplay), schema.WithFormatter(sqltool.GooseFormatter),
		schema.WithDropColumn(true), schema.WithDropIndex(true), schema.WithForeignKeys(true), keepHandmade())
	if err != nil {
		return err
	}
	return migrator.NamedDiff(ctx, name, entmigrate.Tables...)
}

// createRoles makes the roles that the migrations grant to.
func createRoles(ctx context.Context, db *sql.DB) error {
	for _, role := range []string{"trellis_app", "trellis_system"} {
		_, err := db.ExecContext(ctx, `DO $$ BEGIN CREATE ROLE `+role+`; EXCEPTION WHEN duplicate_object THEN NULL; END $$`)
		if err != nil {
			return err
		}
	}
	return nil
}

// keepHandmade spares what was written by hand: its name begins with h_.
func keepHandmade() schema.MigrateOption {
	return schema.WithDiffHook(func(next schema.Differ) schema.Differ {
		return schema.DiffFunc(func(current, desired *aschema.Schema) ([]aschema.Change, error) {
			changes, err := next.Diff(current, desired)
			if err != nil {
				return nil, err
			}
			var kept []aschema.Change
			for _, c := range changes {
				if c = withoutHandmade(c); c != nil {
					kept = append(kept, c)
				}
			}
			return kept, nil
		})
	})
}

func withoutHandmade(c aschema.Change) aschema.Change {
	table, ok := c.(*aschema.ModifyTable)
	if !ok {
		return c
	}
	var kept []aschema.Change
	for _, change := range table.Changes {
		if !dropsHandmade(change) {
			kept = append(kept, change)
		}
	}
	if len(kept) == 0 {
		return nil
	}
	table.Changes = kept
	return table
}

func dropsHandmade(c aschema.Change) bool {
	switch c := c.(type) {
	case *aschema.DropForeignKey:
		return strings.HasPrefix(c.F.Symbol, "h_")
	case *aschema.DropIndex:
		return strings.HasPrefix(c.I.Name, "h_")
	case *aschema.DropCheck:
		return strings.HasPrefix(c.C.Name, "h_")
	}
	return false
}

func copyOf(dir string) (string, error) {
	to, err := os.MkdirTemp("", "trellis-migrations-")
	if err != nil {
		return "", err
	}
	return to, os.CopyFS(to, os.DirFS(dir))
}

func count(dir string) (int, error) {
	files, err := fs.Glob(os.DirFS(dir), "*.sql")
	return len(files), err
}
