package identity

import (
	"regexp"

	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/user"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/phone"
	"github.com/trellishq/trellis/tenants"
)

const uniqueInternalNumber = "h_users_internal_number"

// UserKind tells people from accounts that nobody sits behind (C-46).
type UserKind string

// The kinds of user.
const (
	PersonUser UserKind = "person"
	// ServiceUser is for integrations and unattended numbers. He may be without a
	// password, and then never signs in.
	ServiceUser UserKind = "service"
)

// DisplayMode is how a frontend is to look.
type DisplayMode string

// The display modes.
const (
	DisplaySystem DisplayMode = "system"
	DisplayLight  DisplayMode = "light"
	DisplayDark   DisplayMode = "dark"
)

// Preferences are what a user has chosen for himself.
type Preferences struct {
	// Language is BCP 47 and TimeZone IANA; nil is the tenant's.
	Language, TimeZone *string
	DisplayMode        DisplayMode
}

// Profile are the new values of what describes a user. Nil leaves a value as it
// is; an empty text takes it away.
type Profile struct {
	// Phone is in E.164, or as it is written in the tenant's country.
	Phone *string
	// InternalNumber is what colleagues dial: the agent's number, unique in the
	// tenant.
	InternalNumber     *string
	Language, TimeZone *string
	DisplayMode        *DisplayMode
}

var internalNumber = regexp.MustCompile(`^[0-9]{1,15}$`)

// clean checks a profile; country is where numbers without a plus are read.
func (p Profile) clean(country string) (Profile, error) {
	for _, value := range []struct {
		field **string
		clean func(string) (string, error)
	}{
		{&p.Phone, func(text string) (string, error) { return cleanPhone(text, country) }},
		{&p.InternalNumber, cleanInternalNumber},
		{&p.Language, tenants.CleanLanguage},
		{&p.TimeZone, tenants.CleanTimeZone},
	} {
		if *value.field == nil || **value.field == "" {
			continue
		}
		clean, err := value.clean(**value.field)
		if err != nil {
			return p, err
		}
		*value.field = &clean
	}
	if p.DisplayMode != nil && user.DisplayModeValidator(user.DisplayMode(*p.DisplayMode)) != nil {
		return p, fault.InvalidField(fault.CodeInvalid, "body.display_mode", "must be system, light or dark")
	}
	return p, nil
}

func cleanPhone(text, country string) (string, error) {
	e164, err := phone.Parse(text, country)
	if err != nil {
		return "", fault.InvalidField(fault.CodeInvalid, "body.phone", err.Error(), text)
	}
	return e164, nil
}

func cleanInternalNumber(text string) (string, error) {
	if !internalNumber.MatchString(text) {
		return "", fault.InvalidField(fault.CodeInvalid, "body.internal_number", "must have 1 to 15 digits", text)
	}
	return text, nil
}

// against leaves of a profile what would change something.
func (p Profile) against(present *ent.User) Profile {
	for field, now := range map[**string]*string{
		&p.Phone: present.Phone, &p.InternalNumber: present.InternalNumber,
		&p.Language: present.Language, &p.TimeZone: present.TimeZone,
	} {
		if *field != nil && **field == orEmpty(now) {
			*field = nil
		}
	}
	if p.DisplayMode != nil && user.DisplayMode(*p.DisplayMode) == present.DisplayMode {
		p.DisplayMode = nil
	}
	return p
}

func orEmpty(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}

// apply writes a profile into an update or a creation, and names the fields.
func (p Profile) apply(m *ent.UserMutation) (changed []string) {
	set := func(name string, to *string, set func(string), clearing func()) {
		switch {
		case to == nil:
			return
		case *to == "":
			clearing()
		default:
			set(*to)
		}
		changed = append(changed, name)
	}
	set("phone", p.Phone, m.SetPhone, m.ClearPhone)
	set("internal_number", p.InternalNumber, m.SetInternalNumber, m.ClearInternalNumber)
	set("language", p.Language, m.SetLanguage, m.ClearLanguage)
	set("time_zone", p.TimeZone, m.SetTimeZone, m.ClearTimeZone)
	if p.DisplayMode != nil {
		m.SetDisplayMode(user.DisplayMode(*p.DisplayMode))
		changed = append(changed, "display_mode")
	}
	return changed
}

// errInternalNumber is the refusal of a number that a colleague has.
func errInternalNumber(err error) error {
	return fault.New(fault.Conflict, fault.CodeExtensionTaken, "Another user of the tenant has this internal number.").
		At("body.internal_number", "is taken").Because(err)
}
