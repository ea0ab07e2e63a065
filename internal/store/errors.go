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

// translate turns outages into faults and leaves everything else alone.
func translate(ctx context.Context, err error) error {
	if _, ok := fault.As(err); ok {
		return err
	}
	if ctx.Err() != nil && (isCanceledByServer(err) || isConnectionLost(err)) {
		// lib/pq reports the server's word for what our own context did.
		return errors.Join(ctx.Err(), err)
	}
	if isConnectionLost(err) || isCanceledByServer(err) || isOverloaded(err) {
		return fault.New(fault.Unavailable, fault.CodeUnavailable,
			"The database does not answer; nothing was changed.").After(retrySoon).Because(err)
	}
	return err
}

func commitFailed(ctx context.Context, err error) error {
	if isConnectionLost(err) || ctx.Err() != nil {
		return fault.New(fault.Unavailable, fault.CodeUnavailable,
			"The connection to the database was lost while saving; it is not known whether the change was made. Repeat the request with the same Idempotency-Key to find out.").
			After(retrySoon).Because(err)
	}
	return translate(ctx, err)
}

func isConnectionLost(err error) bool {
	var network net.Error
	switch {
	case errors.Is(err, driver.ErrBadConn), errors.Is(err, sql.ErrConnDone), errors.Is(err, io.EOF),
		errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed), errors.Is(err, os.ErrDeadlineExceeded),
		errors.As(err, &network):
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
