package builtin

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// identity is whom the server runs as. PostgreSQL refuses to run as root, and
// initdb refuses a user number without a name.
type identity struct {
	name string
	// uid and gid own the server's files, as seen from this process. They are
	// used when ownsFiles is set, which only root can do.
	uid, gid  int
	ownsFiles bool
	// credential switches to another user; nil stays.
	credential *syscall.Credential
	// namespace maps this process's user and group to other numbers for the
	// server's eyes (Linux); nil does not.
	namespace *account
}

// account is a user of this machine.
type account struct{ uid, gid int }

func (i identity) processAttributes() *syscall.SysProcAttr {
	// A group of its own keeps the terminal's Ctrl-C away: the program stops
	// the server when it has finished with it.
	attr := &syscall.SysProcAttr{Setpgid: true, Credential: i.credential}
	dieWithParent(attr)
	if i.namespace != nil {
		enterNamespace(attr, *i.namespace)
	}
	return attr
}

// usualIdentities lists whom to try, best first.
//
// An ordinary user needs nothing special. Root first tries the owner of the
// directory, when that is an ordinary user (data from an earlier start, sudo
// in somebody's project); then a user namespace, which leaves the files with
// root and reaches every directory that root owns, however private; then the
// users postgres and nobody.
func usualIdentities(h *home) []identity {
	self := identity{name: "user " + strconv.Itoa(os.Geteuid())}
	named := lookUp("postgres", "nobody", "daemon", "bin")
	if os.Geteuid() != 0 {
		if _, err := user.LookupId(strconv.Itoa(os.Geteuid())); err == nil {
			return []identity{self}
		}
		return append(inNamespace(named), self)
	}
	var list []identity
	if owner := wouldOwn(h); owner > 0 {
		list = append(list, asUsers(lookUpID(owner))...)
	}
	list = append(list, inNamespace(named)...)
	return append(list, asUsers(lookUp("postgres", "nobody"))...)
}

// wouldOwn is the owner of the data or, before there are any, of the place
// where they will be.
func wouldOwn(h *home) int {
	if owner := ownerOf(h.data()); owner != unknownOwner {
		return owner
	}
	return h.around
}

// inNamespace shows the server this process's own user under the number of a
// named ordinary account.
func inNamespace(named []user.User) []identity {
	for _, u := range named {
		if shown, ok := numbers(u); ok && haveNamespaces {
			return []identity{{
				name: "user " + strconv.Itoa(os.Geteuid()) + " in a user namespace",
				uid:  os.Geteuid(), gid: os.Getegid(), ownsFiles: os.Geteuid() == 0,
				namespace: &shown,
			}}
		}
	}
	return nil
}

func asUsers(users []user.User) []identity {
	var list []identity
	for _, u := range users {
		if a, ok := numbers(u); ok {
			list = append(list, identity{
				name: "user " + u.Username,
				uid:  a.uid, gid: a.gid, ownsFiles: true,
				credential: &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid)},
			})
		}
	}
	return list
}

func lookUp(names ...string) []user.User {
	var found []user.User
	for _, name := range names {
		if u, err := user.Lookup(name); err == nil {
			found = append(found, *u)
		}
	}
	return found
}

func lookUpID(uid int) []user.User {
	u, err := user.LookupId(strconv.Itoa(uid))
	if err != nil {
		return nil
	}
	return []user.User{*u}
}

// numbers parses a user's numbers; root's are of no use here.
func numbers(u user.User) (account, bool) {
	uid, err := strconv.ParseUint(u.Uid, 10, 31)
	if err != nil || uid == 0 {
		return account{}, false
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 31)
	return account{int(uid), int(gid)}, err == nil
}

// settle finds the first identity that can run the server here, and gives it
// the directory.
func (m machine) settle(ctx context.Context, h *home, found installation) (identity, error) {
	var refusals []string
	for _, who := range m.identities(h) {
		if err := h.giveTo(who); err != nil {
			refusals = append(refusals, fmt.Sprintf("as %s: %v", who.name, err))
			continue
		}
		err := who.probe(ctx, h.dir, found)
		if err == nil {
			return who, nil
		}
		if ctx.Err() != nil {
			return identity{}, ctx.Err()
		}
		refusals = append(refusals, fmt.Sprintf("as %s: %v", who.name, err))
	}
	return identity{}, fmt.Errorf("nobody can run the server here (%s). %s",
		strings.Join(refusals, "; "), whatToDo())
}

func whatToDo() string {
	if os.Geteuid() != 0 {
		return "Give the process a user that is listed in /etc/passwd, or set TRELLIS_DATABASE_URL"
	}
	return "PostgreSQL refuses to run as root: move the directory to where the user postgres can enter " +
		"(such as /var/lib/trellis), start trellis as an ordinary user, or set TRELLIS_DATABASE_URL"
}

// probe starts the harmless "postgres --version" in the directory: that needs
// the same rights as the server and takes some milliseconds.
func (i identity) probe(ctx context.Context, dir string, found installation) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, found.program("postgres"), "--version")
	cmd.Dir, cmd.Env, cmd.SysProcAttr = dir, childEnvironment(), i.processAttributes()
	cmd.WaitDelay = time.Second
	out, err := runTied(cmd)
	if err == nil {
		return nil
	}
	if i.credential != nil {
		if closed := closedTo(account{i.uid, i.gid}, dir); closed != "" {
			return errors.New(closed)
		}
	}
	return errors.Join(err, outputError(out))
}

// closedTo names the first directory on the way that the account cannot enter,
// judged by owner, group and mode; it is empty when there is none.
func closedTo(a account, dir string) string {
	for _, step := range steps(dir) {
		info, err := os.Stat(step)
		if err != nil {
			return err.Error()
		}
		stat, ok := info.Sys().(*syscall.Stat_t)
		if !ok {
			continue
		}
		enter := info.Mode().Perm() & 0o001
		switch {
		case int(stat.Uid) == a.uid:
			enter = info.Mode().Perm() & 0o100
		case int(stat.Gid) == a.gid:
			enter = info.Mode().Perm() & 0o010
		}
		if enter == 0 {
			return fmt.Sprintf("it cannot enter %s (mode %04o, owner %d)", step, info.Mode().Perm(), stat.Uid)
		}
	}
	return ""
}

// steps lists a path's ancestors from the root down, and the path itself.
func steps(path string) []string {
	if parent := filepath.Dir(path); parent != path {
		return append(steps(parent), path)
	}
	return []string{path}
}
