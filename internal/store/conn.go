package store

import (
	"container/list"
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"

	"github.com/trellishq/trellis/tenants/scope"
)

// errOutsideTransaction is a mistake of the program: a statement that no scope
// governs. It is refused before it reaches the server.
var errOutsideTransaction = errors.New("store: statement outside a scoped transaction")

// connector opens connections that know the scope.
type connector struct {
	*pq.Connector
}

// Connect implements driver.Connector.
func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	// lib/pq counts connect_timeout anew for each host and for each try with
	// and without TLS.
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	var network *deadlineConn
	inner, err := c.Connector.Connect(whenDialed(ctx, func(dialed *deadlineConn) {
		if network != nil {
			_ = network.Close() // lib/pq forgets it when it tries again without TLS
		}
		network = dialed
		network.Follow(ctx)
	}))
	if err != nil {
		return nil, lost(err)
	}
	network.Release()
	return &conn{pqConn: inner.(pqConn), network: network, statements: newStatements()}, nil
}

// pqConn is what lib/pq's connection can do and this package uses.
type pqConn interface {
	driver.Conn
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.NamedValueChecker
	driver.Pinger
	driver.QueryerContext
	driver.SessionResetter
	driver.Tx
	driver.Validator
}

// conn opens each transaction under the scope of its context, in one round
// trip, and keeps the statements that it has prepared: lib/pq by itself takes
// two round trips for every statement with an argument, and plans it anew.
//
// Each request follows the context that it is made for, until the next one:
// the rows of a result are still read when QueryContext has returned.
type conn struct {
	pqConn
	network       *deadlineConn
	statements    *statements
	inTransaction bool
	broken        bool // in a way that lib/pq does not know of
}

// BeginTx implements driver.ConnBeginTx.
func (c *conn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	begin, err := beginStatement(ctx, opts.ReadOnly)
	if err != nil {
		return nil, err
	}
	c.network.Follow(ctx)
	if _, err := c.pqConn.ExecContext(ctx, begin, nil); err != nil {
		// The server may be inside a transaction that nobody ends.
		c.broken = true
		return nil, beginFailed(ctx, err)
	}
	c.inTransaction = true
	return transaction{c, ctx}, nil
}

// IsValid implements driver.Validator.
func (c *conn) IsValid() bool { return !c.broken && c.pqConn.IsValid() }

// Ping implements driver.Pinger.
func (c *conn) Ping(ctx context.Context) error {
	c.network.Follow(ctx)
	defer c.network.Release()
	return c.pqConn.Ping(ctx)
}

// beginStatement opens a transaction and says for whom. The settings are local:
// they end with the transaction, so a pooled connection carries nothing over.
func beginStatement(ctx context.Context, readOnly bool) (string, error) {
	s, err := scope.From(ctx)
	if err != nil {
		return "", err
	}
	begin := "BEGIN READ WRITE"
	if readOnly {
		begin = "BEGIN READ ONLY"
	}
	if s.IsSystem() {
		return begin, nil
	}
	settings, err := scopeSettings(s)
	if err != nil {
		return "", err
	}
	return begin + "; " + settings, nil
}

// scopeSettings tells row level security for whom the statements that follow
// are.
func scopeSettings(s scope.Scope) (string, error) {
	if !pathPattern.MatchString(s.Path) {
		return "", fmt.Errorf("store: %q is no path of the tree", s.Path)
	}
	return "SET LOCAL app.tenant_id = '" + s.TenantID.String() + "'; SET LOCAL app.path = '" + s.Path + "'", nil
}

// pathPattern keeps anything but ids and slashes out of the SET statement.
var pathPattern = regexp.MustCompile(`^/([0-9a-f-]{36}/)+$`)

// transaction ends what BeginTx began. The driver's interface has no context
// for that; it is the one of the beginning.
type transaction struct {
	c   *conn
	ctx context.Context //nolint:containedctx // Commit and Rollback have no parameter for it
}

// Commit implements driver.Tx.
func (t transaction) Commit() error {
	if !t.c.IsValid() {
		t.c.inTransaction = false
		return driver.ErrBadConn // before anything was sent
	}
	err := t.end(t.c.pqConn.Commit)
	if isConnectionLost(err) {
		return &outcomeUnknown{blame(t.ctx, err)}
	}
	return err
}

// Rollback implements driver.Tx.
func (t transaction) Rollback() error { return t.end(t.c.pqConn.Rollback) }

func (t transaction) end(how func() error) error {
	t.c.inTransaction = false
	t.c.network.Follow(t.ctx)
	defer t.c.network.Release()
	return lost(how())
}

// QueryContext implements driver.QueryerContext.
func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	return request(ctx, c, query, len(args) > 0,
		func() (driver.Rows, error) { return c.pqConn.QueryContext(ctx, query, args) },
		func(stmt driver.Stmt) (driver.Rows, error) {
			return stmt.(driver.StmtQueryContext).QueryContext(ctx, args)
		})
}

// ExecContext implements driver.ExecerContext.
func (c *conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	return request(ctx, c, query, len(args) > 0,
		func() (driver.Result, error) { return c.pqConn.ExecContext(ctx, query, args) },
		func(stmt driver.Stmt) (driver.Result, error) {
			return stmt.(driver.StmtExecContext).ExecContext(ctx, args)
		})
}

// request runs a statement inside the transaction, prepared if it has
// arguments.
func request[T any](ctx context.Context, c *conn, query string, hasArgs bool,
	plain func() (T, error), prepared func(driver.Stmt) (T, error),
) (T, error) {
	var none T
	if !c.inTransaction {
		return none, errOutsideTransaction
	}
	c.network.Follow(ctx)
	if !hasArgs {
		result, err := plain()
		return result, blame(ctx, err)
	}
	stmt, err := c.prepare(ctx, query)
	if err != nil {
		return none, blame(ctx, err)
	}
	result, err := prepared(stmt)
	c.forgetIfOutdated(query, err)
	return result, blame(ctx, err)
}

// PrepareContext implements driver.ConnPrepareContext. A statement that its
// caller keeps would outlive the transaction that governs it.
func (c *conn) PrepareContext(context.Context, string) (driver.Stmt, error) {
	return nil, errOutsideTransaction
}

func (c *conn) prepare(ctx context.Context, query string) (driver.Stmt, error) {
	if stmt, ok := c.statements.get(query); ok {
		return stmt, nil
	}
	stmt, err := c.pqConn.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	return stmt, c.statements.put(query, stmt)
}

// forgetIfOutdated drops a statement whose plan a migration has made invalid,
// so that the next transaction prepares it again. When the type of an argument
// has changed, the server's complaint is one about the statement's text.
func (c *conn) forgetIfOutdated(query string, err error) {
	if pq.As(err, pqerror.FeatureNotSupported, pqerror.InvalidSQLStatementName) != nil || hasClass(err, "42") {
		c.statements.drop(query)
	}
}

// maxStatements bounds what one connection keeps prepared, on both sides.
const maxStatements = 256

// statements is a small cache of prepared statements, least recently used out
// first.
type statements struct {
	byQuery map[string]*list.Element
	order   *list.List
}

type statement struct {
	query string
	stmt  driver.Stmt
}

func newStatements() *statements {
	return &statements{byQuery: map[string]*list.Element{}, order: list.New()}
}

func (s *statements) get(query string) (driver.Stmt, bool) {
	e, ok := s.byQuery[query]
	if !ok {
		return nil, false
	}
	s.order.MoveToFront(e)
	return e.Value.(statement).stmt, true
}

// put keeps a statement and closes the one that has to go for it.
func (s *statements) put(query string, stmt driver.Stmt) error {
	// A query's text may share memory with a larger buffer.
	query = strings.Clone(query)
	s.byQuery[query] = s.order.PushFront(statement{query, stmt})
	if s.order.Len() <= maxStatements {
		return nil
	}
	oldest := s.order.Remove(s.order.Back()).(statement)
	delete(s.byQuery, oldest.query)
	return oldest.stmt.Close()
}

func (s *statements) drop(query string) {
	if e, ok := s.byQuery[query]; ok {
		_ = s.order.Remove(e).(statement).stmt.Close() // fails with the connection only
		delete(s.byQuery, query)
	}
}
