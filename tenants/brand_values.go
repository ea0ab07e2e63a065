package tenants

import (
	"fmt"
	"net/mail"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/trellishq/trellis/internal/fault"
)

const (
	maxLoginText = 1000
	maxAddress   = 254
	maxURL       = 500
	maxHosts     = 20
)

// clean checks what is to change and writes it in its usual form.
func (c *BrandChange) clean() error {
	for name, value := range c.Values {
		if value == nil {
			continue
		}
		clean, err := cleanBrandValue(name, *value)
		if err != nil {
			return err
		}
		c.Values[name] = &clean
	}
	if c.Hosts == nil {
		return nil
	}
	hosts, err := cleanHosts(*c.Hosts)
	c.Hosts = &hosts
	return err
}

// brandRule is what a value has to be.
type brandRule struct {
	ok   func(string) bool
	says string
}

var brandRules = map[string]brandRule{
	"primary_color": {color.MatchString, "must be a colour such as #1f4e79"},
	"accent_color":  {color.MatchString, "must be a colour such as #1f4e79"},
	"theme": {
		func(v string) bool { return slices.Contains([]string{"light", "dark", "system"}, v) },
		"must be light, dark or system",
	},
	"support_email":  {isMailbox, "must be an e-mail address"},
	"sender_address": {isMailbox, "must be an e-mail address"},
	"support_phone":  {telephone.MatchString, "must be a telephone number"},
	"support_url":    {isSecureURL, "must be an address that begins with https://"},
	"login_text": {
		func(v string) bool { return utf8.RuneCountInString(v) <= maxLoginText && isText(v) },
		"must be plain text of 1,000 characters at most",
	},
}

func cleanBrandValue(name, value string) (string, error) {
	at := "body." + name
	if name == "product_name" || name == "sender_name" {
		return CleanName(at, value)
	}
	rule, known := brandRules[name]
	if !known {
		return "", fault.InvalidField(fault.CodeInvalid, at, "is not known")
	}
	if !rule.ok(value) {
		return "", fault.InvalidField(fault.CodeInvalid, at, rule.says, short(value))
	}
	if name == "primary_color" || name == "accent_color" {
		value = strings.ToLower(value)
	}
	return value, nil
}

func isSecureURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && len(text) <= maxURL && u.Scheme == "https" && u.User == nil && isHost(strings.ToLower(u.Hostname()))
}

var (
	color     = regexp.MustCompile(`^#[0-9a-fA-F]{6}$`)
	telephone = regexp.MustCompile(`^\+?[0-9][0-9 ()./-]{2,38}$`)
)

// isMailbox tells whether a text is a bare address, and not a list, a name or
// a header in disguise.
func isMailbox(text string) bool {
	parsed, err := mail.ParseAddress(text)
	return err == nil && len(text) <= maxAddress && parsed.Address == text && parsed.Name == "" && !strings.ContainsFunc(text, unprintable)
}

// isText tells whether a text is free of what hides or turns around the text
// beside it; it may have lines.
func isText(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(strings.NewReplacer("\n", "", "\r", "", "\t", "").Replace(text), unprintable)
}

func cleanHosts(given []string) ([]string, error) {
	if len(given) > maxHosts {
		return nil, fault.InvalidField(fault.CodeInvalid, "body.hosts", "must be 20 at most")
	}
	hosts := []string{}
	for i, text := range given {
		host := strings.ToLower(text)
		if !isHost(host) {
			return nil, fault.InvalidField(fault.CodeInvalid, fmt.Sprintf("body.hosts[%d]", i),
				"must be a host name, such as app.example.com, without a port", short(text))
		}
		if !slices.Contains(hosts, host) {
			hosts = append(hosts, host)
		}
	}
	return hosts, nil
}
