package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/assembly"
	"github.com/trellishq/trellis/events/audit"
)

type auditCommand struct {
	Verify auditVerifyCommand `cmd:"" help:"Walk the chains of the audit log and report where they are broken."`
}

type auditVerifyCommand struct {
	Tenant  string `help:"Only this tenant's chain."`
	Anchors string `help:"A file that --note has written before: what was true then must be true now." type:"existingfile"`
	Note    string `help:"Note down where the chains end, in a file to be kept somewhere else."`
}

// errBroken ends the command with a failure; what is broken is printed before.
var errBroken = errors.New("the audit log is not what was written")

// Run implements the command.
func (v auditVerifyCommand) Run(ctx context.Context) error {
	tenantID := uuid.Nil
	if v.Tenant != "" {
		parsed, err := uuid.Parse(v.Tenant)
		if err != nil {
			return fmt.Errorf("%q is no tenant's id", v.Tenant)
		}
		tenantID = parsed
	}
	anchors, err := readAnchors(v.Anchors)
	if err != nil {
		return err
	}
	c, log, err := loadConfig()
	if err != nil {
		return err
	}
	i, err := install(ctx, c, log)
	if err != nil {
		return err
	}
	r, err := assembly.Audit(i.store, i.keyring).Verify(ctx, tenantID, anchors)
	if err = errors.Join(err, i.close()); err != nil {
		return err
	}
	for _, b := range r.Breaks {
		fmt.Println(b)
	}
	if len(r.Breaks) > 0 {
		return errBroken
	}
	fmt.Printf("The %d entries of %d tenants are what was written.\n", r.Entries, r.Tenants)
	return noteAnchors(v.Note, r.Anchors)
}

// noteAnchors writes one line for each chain.
func noteAnchors(name string, anchors []audit.Anchor) error {
	if name == "" {
		return nil
	}
	var lines []byte
	for _, a := range anchors {
		line, err := json.Marshal(a)
		if err != nil {
			return err
		}
		lines = append(append(lines, line...), '\n')
	}
	return os.WriteFile(name, lines, 0o600)
}

func readAnchors(name string) ([]audit.Anchor, error) {
	if name == "" {
		return nil, nil
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	var anchors []audit.Anchor
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		var a audit.Anchor
		if err := json.Unmarshal(lines.Bytes(), &a); err != nil || a.TenantID == uuid.Nil {
			return nil, fmt.Errorf("%s: line %d is no note of a chain", name, len(anchors)+1)
		}
		anchors = append(anchors, a)
	}
	return anchors, lines.Err()
}
