package channels

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"sort"
	"strings"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/channels/provider"
	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/number"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/phone"
	"github.com/trellishq/trellis/internal/secret"
	"github.com/trellishq/trellis/internal/store"
)

const maxCredentialLength = 256

// CheckAccount validates credentials field by field and then asks the provider.
func CheckAccount(ctx context.Context, adapter provider.Adapter, a provider.Account) error {
	if !phone.IsE164(a.Address) && !phone.IsShortCode(a.Address) {
		return fault.InvalidField(fault.CodeInvalidAddress, "body.address",
			"must be a number in E.164, such as +15145550100, or a short code of 3 to 8 digits", a.Address)
	}
	if err := checkFields(adapter.CredentialFields(), a.Credentials); err != nil {
		return err
	}
	err := adapter.Check(ctx, a)
	var refused *provider.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refused) && refused.Class == provider.ClassSender:
		return fault.InvalidField(fault.CodeCredentialsRejected, "body.credentials", "were refused by the provider")
	default:
		return fault.New(fault.Unavailable, fault.CodeProviderUnreachable,
			"The provider could not be asked whether the credentials work. Try again.").Because(err)
	}
}

func checkFields(fields []provider.CredentialField, have provider.Credentials) error {
	known := map[string]bool{}
	problems := fault.New(fault.Invalid, fault.CodeInvalid, "The credentials are not complete or not well formed.")
	for _, f := range fields {
		known[f.Name] = true
		if message := checkField(f, have[f.Name]); message != "" {
			problems = problems.At("body.credentials."+f.Name, message)
		}
	}
	for _, name := range sortedNames(have) {
		if !known[name] {
			problems = problems.At("body.credentials."+name, "is not a field of this provider")
		}
	}
	if len(problems.Fields) > 0 {
		return problems
	}
	return nil
}

func checkField(f provider.CredentialField, value string) string {
	switch {
	case value == "" && f.Required:
		return "is required"
	case value == "":
		return ""
	case len(value) > maxCredentialLength:
		return fmt.Sprintf("is longer than %d characters", maxCredentialLength)
	case f.Pattern != "" && !regexp.MustCompile(f.Pattern).MatchString(value):
		return "must match " + f.Pattern
	}
	return ""
}

func sortedNames(c provider.Credentials) []string {
	names := make([]string, 0, len(c))
	for name := range c {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// Hint names the account without giving it away: identifiers in full, secrets
// by their last four characters.
func Hint(adapter provider.Adapter, c provider.Credentials) string {
	var parts []string
	for _, f := range adapter.CredentialFields() {
		value, ok := c[f.Name]
		if !ok || value == "" {
			continue
		}
		if f.Secret {
			value = "…" + secret.Last4(value)
		}
		parts = append(parts, f.Name+" "+value)
	}
	return strings.Join(parts, ", ")
}

// SealCredentials encrypts credentials for one row; they open nowhere else.
func SealCredentials(k *secret.Keyring, owner uuid.UUID, table string, row uuid.UUID, c provider.Credentials) []byte {
	plain, err := json.Marshal(c)
	if err != nil {
		panic("channels: " + err.Error()) // a map of strings
	}
	return k.Seal(owner, table, row.String(), "credentials", plain)
}

// OpenCredentials decrypts what SealCredentials made.
func OpenCredentials(k *secret.Keyring, owner uuid.UUID, table string, row uuid.UUID, sealed []byte) (provider.Credentials, error) {
	plain, err := k.Open(owner, table, row.String(), "credentials", sealed)
	if err != nil {
		return nil, fmt.Errorf("channels: credentials of %s %s: %w", table, row, err)
	}
	var c provider.Credentials
	if err := json.Unmarshal(plain, &c); err != nil {
		return nil, fmt.Errorf("channels: credentials of %s %s: %w", table, row, err)
	}
	return c, nil
}

// Line is what it takes to act on a channel: the channel, its provider's
// adapter and the account with its secrets. It is never stored or logged.
type Line struct {
	Channel Channel
	Adapter provider.Adapter
	Account provider.Account
	// StatusURL is where reports go, without the message's part.
	StatusURL string
	// InboundURL is where inbound messages go, and HookToken what names the
	// channel in both.
	InboundURL, HookToken string
}

// Line opens a channel's account, in the running transaction.
func (s *Service) Line(ctx context.Context, channelID uuid.UUID) (Line, error) {
	row, err := s.load(ctx, channelID)
	if err != nil {
		return Line{}, err
	}
	held, err := s.heldNumber(ctx, row)
	if err != nil {
		return Line{}, err
	}
	credentials, err := s.credentials(row, held)
	if err != nil {
		return Line{}, err
	}
	return Line{
		Channel:    s.view(row),
		Adapter:    s.adapters[provider.Name(row.Provider)],
		Account:    provider.Account{Credentials: credentials, Address: row.Address},
		StatusURL:  s.hookURL(row.Provider, token(row, held)) + "/status",
		InboundURL: s.hookURL(row.Provider, token(row, held)) + "/inbound",
		HookToken:  token(row, held),
	}, nil
}

// heldNumber loads the number behind a channel; nil for a channel that is an
// account of the tenant's own, and for a holding that has ended.
func (s *Service) heldNumber(ctx context.Context, row *ent.Channel) (*ent.Number, error) {
	if row.NumberID == nil {
		return nil, nil
	}
	held, err := s.store.Ent(ctx).Number.Query().
		Where(number.ID(*row.NumberID), number.HolderID(row.TenantID)).Only(ctx)
	if ent.IsNotFound(err) {
		return nil, nil
	}
	return held, err
}

func (s *Service) credentials(row *ent.Channel, held *ent.Number) (provider.Credentials, error) {
	switch {
	case held != nil:
		return OpenCredentials(s.keyring, held.OwnerID, "numbers", held.ID, held.Credentials)
	case row.NumberID != nil:
		return nil, fault.New(fault.Conflict, fault.CodeChannelInactive, "The number has moved on to another holder.")
	}
	return OpenCredentials(s.keyring, row.TenantID, "channels", row.ID, row.Credentials)
}

func token(row *ent.Channel, held *ent.Number) string {
	switch {
	case held != nil:
		return held.HookToken
	case row.HookToken != nil:
		return *row.HookToken
	}
	return ""
}

func (s *Service) hookURL(name, token string) string {
	return s.public + "/hooks/" + name + "/" + token
}

// Sealed is where the credentials of channels are kept.
var Sealed = store.SealedColumn{Table: "channels", Column: "credentials", ID: "id", Owner: "tenant_id"}
