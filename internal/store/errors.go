package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"

	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/internal/fault"
)

// retrySoon is what clients are told to wait while the database is away.
const retrySoon = 2 * time.Second

// interrupted is the end of a context, as lib/pq reported it: in the server's
// words, or as a lost connection.
type interrupted struct{ by, reported error }

func (e *interrupted) Error() string   { return e.by.Error() + ": " + e.reported.Error() }
func (e *interrupted) Unwrap() []error { return []error{e.by, e.reported} }

// blame names the context as the cause of an error that its end has caused.
func blame(ctx context.Context, err error) error {
	if err == nil || ctx.Err() == nil {
		return err
	}
	if isCanceledByServer(err) || isConnectionLost(err) || errors.Is(err, sql.ErrTxDone) {
		return &interrupted{ctx.Err(), err}
	}
	return err
}

// outcomeUnknown is a COMMIT that was sent and not answered.
type outcomeUnknown struct{ error }

func (e *outcomeUnknown) Unwrap() error { return e.error }

// beginFailed lets database/sql try another connection when the one from the
// pool turns out to be dead: nothing has been asked of it yet. One that does
// not answer has taken its time already.
func beginFailed(ctx context.Context, err error) error {
	if ctx.Err() == nil && isConnectionLost(err) && !errors.Is(err, os.ErrDeadlineExceeded) {
		return errors.Join(driver.ErrBadConn, err)
	}
	return blame(ctx, err)
}

// lost makes a bad connection of an end of file, which lib/pq does by itself in
// statements but not everywhere. In other places an end of file is no concern
// of the database: work reads files, too.
func lost(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.Join(driver.ErrBadConn, err)
	}
	return err
}

// translate turns outages into faults and leaves everything else alone.
func translate(ctx context.Context, err error) error {
	if _, ok := fault.As(err); ok {
		return err
	}
	err = blame(ctx, err)
	var own *interrupted
	if errors.As(err, &own) {
		return err
	}
	if isConnectionLost(err) || isCanceledByServer(err) || isOverloaded(err) {
		return fault.New(fault.Unavailable, fault.CodeUnavailable,
			"The database does not answer; nothing was changed.").After(retrySoon).Because(err)
	}
	return err
}

func commitFailed(ctx context.Context, err error) error {
	var unknown *outcomeUnknown
	if errors.As(err, &unknown) {
		return fault.New(fault.Unavailable, fault.CodeUnavailable,
			"The connection to the database was lost while saving; it is not known whether the change was made. Repeat the request with the same Idempotency-Key to find out.").
			After(retrySoon).Because(err)
	}
	return translate(ctx, err)
}

func isConnectionLost(err error) bool {
	var network net.Error
	switch {
	case errors.Is(err, driver.ErrBadConn), errors.Is(err, sql.ErrConnDone),
		errors.Is(err, net.ErrClosed), errors.Is(err, os.ErrDeadlineExceeded):
		return true
	case errors.As(err, &network) && !errors.Is(network, context.DeadlineExceeded): // which is a net.Error as well
		return true
	}
	return hasClass(err, "08") || pq.As(err, pqerror.AdminShutdown, pqerror.CrashShutdown, pqerror.CannotConnectNow) != nil
}

func isCanceledByServer(err error) bool {
	return pq.As(err, pqerror.QueryCanceled, pqerror.LockNotAvailable) != nil
}

func isOverloaded(err error) bool { return hasClass(err, "53") }

func hasClass(err error, class string) bool {
	e := pq.As(err)
	return e != nil && strings.HasPrefix(string(e.Code), class)
}

// IsNotFound tells whether a query found no row, through ent or plain SQL.
func IsNotFound(err error) bool { return ent.IsNotFound(err) || errors.Is(err, sql.ErrNoRows) }

// Violates tells whether an error is the violation of one constraint or unique
// index.
func Violates(err error, constraint string) bool {
	e := pq.As(err)
	return e != nil && e.Constraint == constraint
}

// IsDeadlock tells whether the server ended a transaction for a deadlock or a
// serialization failure: running it again is right.
func IsDeadlock(err error) bool {
	return pq.As(err, pqerror.TRDeadlockDetected, pqerror.TRSerializationFailure) != nil
}
