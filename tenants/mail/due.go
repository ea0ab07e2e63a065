package mail

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	netmail "net/mail"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/internal/id"
	"github.com/trellishq/trellis/internal/smtp"
	"github.com/trellishq/trellis/internal/store"
)

const (
	// claimFor is longer than a delivery can take.
	claimFor = 45 * time.Second
	// unconfigured is how soon a process without a mail server looks again: its
	// settings may be about to change, and another process may have one.
	unconfigured = time.Minute
)

// pauses stand between the attempts. After the last one the mail has failed.
var pauses = []time.Duration{
	15 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 4 * time.Hour,
}

// row is what a worker needs of a mail.
type row struct {
	id, tenantID uuid.UUID
	kind         Kind
	language     string
	state        State
	sealed       []byte
	attempts     int
	claimUntil   *time.Time
	expiresAt    time.Time
	createdAt    time.Time

	claim uuid.UUID
}

// HandleDue sends a mail that is due: claim, act, record. It runs under the
// scope of the mail's tenant, and a second run does nothing.
func (s *Service) HandleDue(ctx context.Context, mailID uuid.UUID) error {
	mail, err := s.claim(ctx, mailID)
	if err != nil || mail == nil {
		return err
	}
	letter, err := s.letter(ctx, mail)
	if err == nil {
		err = s.cfg.Sender.Send(ctx, letter)
	}
	// The outcome is recorded also while the program stops.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordFor)
	defer cancel()
	return s.record(ctx, mail, err)
}

// recordFor is how long an outcome is tried to be written down.
const recordFor = 10 * time.Second

// claim takes a mail for this worker. It returns nil where there is nothing to
// send.
func (s *Service) claim(ctx context.Context, mailID uuid.UUID) (claimed *row, err error) {
	err = s.cfg.Store.InTx(ctx, func(ctx context.Context) error {
		mail, err := read(ctx, mailID)
		if store.IsNotFound(err) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading a mail: %w", err)
		}
		now := s.cfg.Store.Now()
		switch {
		case mail.state == Sent || mail.state == Failed:
			return mail.wait(ctx, nil)
		case mail.state == Sending && mail.claimUntil != nil && now.Before(*mail.claimUntil):
			return mail.wait(ctx, mail.claimUntil)
		case mail.state == Sending:
			return s.again(ctx, mail, "lost")
		case !now.Before(mail.expiresAt):
			return s.finish(ctx, mail, Expire, "expired")
		case s.cfg.Sender == nil:
			later := now.Add(unconfigured)
			return mail.wait(ctx, &later)
		}
		mail.claim = id.New()
		_, err = store.Exec(ctx, `
			UPDATE mails SET state = $2, attempts = attempts + 1, claim_id = $3, claim_until = $4, due_at = $4
			WHERE id = $1`, mail.id, Sending, mail.claim, now.Add(claimFor))
		mail.attempts++
		claimed = mail
		return err
	})
	if err != nil {
		return nil, err
	}
	return claimed, nil
}

func read(ctx context.Context, mailID uuid.UUID) (*row, error) {
	mail := &row{id: mailID}
	err := store.QueryRow(ctx, []any{
		&mail.tenantID, &mail.kind, &mail.language, &mail.state, &mail.sealed, &mail.attempts,
		&mail.claimUntil, &mail.expiresAt, &mail.createdAt,
	}, `
		SELECT tenant_id, kind, language, state, content, attempts, claim_until, expires_at, created_at
		FROM mails WHERE id = $1 FOR UPDATE`, mailID)
	return mail, err
}

// wait makes a mail due at another time, or never.
func (r *row) wait(ctx context.Context, until *time.Time) error {
	_, err := store.Exec(ctx, `UPDATE mails SET due_at = $2 WHERE id = $1`, r.id, until)
	return err
}

// letter words a mail under its tenant's brand.
func (s *Service) letter(ctx context.Context, mail *row) (smtp.Letter, error) {
	plain, err := s.cfg.Keyring.Open(mail.tenantID, Sealed.Table, mail.id.String(), Sealed.Column, mail.sealed)
	if err != nil {
		return smtp.Letter{}, err
	}
	var c content
	if err := json.Unmarshal(plain, &c); err != nil {
		return smtp.Letter{}, errors.New("mail: the content cannot be read")
	}
	var b Brand
	if s.cfg.Brand != nil {
		if b, err = s.cfg.Brand(ctx, mail.tenantID); err != nil {
			return smtp.Letter{}, fmt.Errorf("reading the brand: %w", err)
		}
	}
	b.AppURL = cmp.Or(b.AppURL, s.cfg.AppURL)
	words, err := render(mail.kind, mail.language, c, b)
	if err != nil {
		return smtp.Letter{}, err
	}
	return smtp.Letter{
		ID: mail.id.String(), Date: mail.createdAt, Language: mail.language,
		From: netmail.Address{
			Name:    cmp.Or(b.SenderName, b.Product, s.cfg.From.Name),
			Address: cmp.Or(b.SenderAddress, s.cfg.From.Address),
		},
		ReplyTo: netmail.Address{Address: b.SupportEmail}, To: netmail.Address{Name: c.ToName, Address: c.To},
		Subject: words.subject, Text: words.text, HTML: words.html,
	}, nil
}

// record writes down what became of a mail, if it is still this worker's.
func (s *Service) record(ctx context.Context, mail *row, failure error) error {
	return s.cfg.Store.InTx(ctx, func(ctx context.Context) error {
		var held uuid.NullUUID
		var state State
		err := store.QueryRow(ctx, []any{&state, &held}, `SELECT state, claim_id FROM mails WHERE id = $1 FOR UPDATE`, mail.id)
		if err != nil || state != Sending || held.UUID != mail.claim {
			return err
		}
		mail.state = state
		if failure == nil {
			return s.finish(ctx, mail, Deliver, "")
		}
		why := reasonOf(failure)
		// Neither the address nor what a server said about it is logged.
		s.cfg.Log.WarnContext(ctx, "a mail was not delivered",
			"mail_id", mail.id, "kind", mail.kind, "attempt", mail.attempts, "reason", why)
		var refused *smtp.Error
		if errors.As(failure, &refused) && refused.Permanent {
			return s.finish(ctx, mail, Refuse, why)
		}
		return s.again(ctx, mail, why)
	})
}

// reasonOf is why a mail was not sent, without an address.
func reasonOf(failure error) string {
	var refused *smtp.Error
	if errors.As(failure, &refused) {
		return refused.Reason()
	}
	return "compose"
}

// again lets a mail wait for its next attempt, or gives it up.
func (s *Service) again(ctx context.Context, mail *row, why string) error {
	now := s.cfg.Store.Now()
	if mail.attempts > len(pauses) {
		return s.finish(ctx, mail, Refuse, why)
	}
	due := now.Add(pauses[max(mail.attempts, 1)-1])
	if !due.Before(mail.expiresAt) {
		return s.finish(ctx, mail, Expire, why)
	}
	to, ok := Next(mail.state, Retry)
	if !ok {
		return fmt.Errorf("mail: %s cannot be tried again", mail.state)
	}
	_, err := store.Exec(ctx, `
		UPDATE mails SET state = $2, due_at = $3, claim_id = NULL, claim_until = NULL, error = $4
		WHERE id = $1`, mail.id, to, due, why)
	return err
}

// finish ends a mail and forgets what it said.
func (s *Service) finish(ctx context.Context, mail *row, a Action, why string) error {
	to, ok := Next(mail.state, a)
	if !ok {
		return fmt.Errorf("mail: %s does not %s", mail.state, a)
	}
	_, err := store.Exec(ctx, `
		UPDATE mails SET state = $2, due_at = NULL, claim_id = NULL, claim_until = NULL, content = NULL,
		       error = $3, finished_at = $4
		WHERE id = $1`, mail.id, to, why, s.cfg.Store.Now())
	return err
}
