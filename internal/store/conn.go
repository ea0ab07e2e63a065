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
	inner, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &conn{pqConn: inner.(pqConn), statements: newStatements()}, nil
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
type conn struct {
	pqConn
	statements    *statements
	inTransaction bool
}

// BeginTx implements driver.ConnBeginTx.
func (c *conn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	begin, err := beginStatement(ctx, opts.ReadOnly)
	if err != nil {
		return nil, err
	}
	if _, err := c.ExecerContext().ExecContext(ctx, begin, nil); err != nil {
		return nil, err
	}
	c.inTransaction = true
	return transaction{c}, nil
}

// ExecerContext is the connection's unguarded Exec.
func (c *conn) ExecerContext() driver.ExecerContext { return c.pqConn }

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

// transaction ends what BeginTx began.
type transaction struct{ c *conn }

// Commit implements driver.Tx.
func (t transaction) Commit() error {
	t.c.inTransaction = false
	return t.c.pqConn.Commit()
}

// Rollback implements driver.Tx.
func (t transaction) Rollback() error {
	t.c.inTransaction = false
	return t.c.pqConn.Rollback()
}

// QueryContext implements driver.QueryerContext.
func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if !c.inTransaction {
		return nil, errOutsideTransaction
	}
	if len(args) == 0 {
		return c.pqConn.QueryContext(ctx, query, args)
	}
	stmt, err := c.prepare(ctx, query)
	if err != nil {
		return nil, err
	}
	rows, err := stmt.(driver.StmtQueryContext).QueryContext(ctx, args)
	c.forgetIfOutdated(query, err)
	return rows, err
}

// ExecContext implements driver.ExecerContext.
func (c *conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if !c.inTransaction {
		return nil, errOutsideTransaction
	}
	if len(args) == 0 {
		return c.pqConn.ExecContext(ctx, query, args)
	}
	stmt, err := c.prepare(ctx, query)
	if err != nil {
		return nil, err
	}
	result, err := stmt.(driver.StmtExecContext).ExecContext(ctx, args)
	c.forgetIfOutdated(query, err)
	return result, err
}

func (c *conn) prepare(ctx context.Context, query string) (driver.Stmt, error) {
	if stmt, ok := c.statements.get(query); ok {
		return stmt, nil
	}
	stmt, err := c.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	return stmt, c.statements.put(query, stmt)
}

// forgetIfOutdated drops a statement whose plan a migration has made invalid,
// so that the next transaction prepares it again.
func (c *conn) forgetIfOutdated(query string, err error) {
	if outdated := pq.As(err, pqerror.FeatureNotSupported, pqerror.InvalidSQLStatementName); outdated != nil {
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
		s.order.Remove(e)
		delete(s.byQuery, query)
	}
}
