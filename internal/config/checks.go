package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/trellishq/trellis/internal/secret"
	"github.com/trellishq/trellis/internal/smtp"
)

// checks are the rules that the check tag names. Their errors say what is
// wrong; those of secret settings never show the value.
var checks = map[string]func(value string) error{
	"address":        checkAddress,
	"address-or-off": checkAddressOrOff,
	"public-url":     checkPublicURL,
	"base-url":       checkBaseURL,
	"postgres":       checkPostgres,
	"redis":          checkRedis,
	"keys":           checkKeys,
	"off-or-days":    checkOffOrDays,
	"smtp":           checkSMTP,
	"mail-address":   checkMailAddress,
	"log-level":      oneOf("debug", "info", "warn", "error"),
	"log-format":     oneOf("json", "text"),
}

func oneOf(words ...string) func(string) error {
	return func(value string) error {
		for _, word := range words {
			if value == word {
				return nil
			}
		}
		return fmt.Errorf("%q is none of them", value)
	}
}

func checkAddressOrOff(value string) error {
	if value == Off {
		return nil
	}
	return checkAddress(value)
}

// checkAddress accepts port 0, which lets the system choose a free one.
func checkAddress(value string) error {
	_, port, err := net.SplitHostPort(value)
	if err != nil {
		return fmt.Errorf("%q is not host:port", value)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("%q is not a port from 0 to 65535", port)
	}
	return nil
}

func checkPublicURL(value string) error {
	u, err := parseHTTP(value)
	if err != nil {
		return err
	}
	if strings.Trim(u.Path, "/") != "" {
		return errors.New("it has a path")
	}
	if strings.Contains(u.Hostname(), "_") {
		return errors.New("its host has an underscore, which providers refuse")
	}
	return nil
}

func checkBaseURL(value string) error {
	_, err := parseHTTP(value)
	return err
}

// parseHTTP does not quote what it refuses: it may hold a password.
func parseHTTP(value string) (*url.URL, error) {
	u, err := url.Parse(value)
	switch {
	case err != nil:
		return nil, errors.New("it is not a URL")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, errors.New("it does not begin with http:// or https://")
	case u.Hostname() == "":
		return nil, errors.New("it has no host")
	case u.User != nil:
		return nil, errors.New("it has a user name or password")
	case u.RawQuery != "" || u.ForceQuery || strings.Contains(value, "#"):
		return nil, errors.New("it has a query or fragment")
	}
	if port := u.Port(); port != "" {
		if _, err := strconv.ParseUint(port, 10, 16); err != nil {
			return nil, errors.New("its port is not a number from 0 to 65535")
		}
	}
	return u, nil
}

func checkPostgres(value string) error {
	u, err := url.Parse(value)
	switch {
	case err != nil:
		return errors.New("it is not a URL; escape special characters of the password as %XX")
	case u.Scheme != "postgres" && u.Scheme != "postgresql":
		return errors.New("it does not begin with postgres://")
	case u.Host == "" && u.Query().Get("host") == "":
		return errors.New("it has no host")
	case u.User.Username() == "":
		return errors.New("it has no user")
	case strings.Trim(u.Path, "/") == "":
		return errors.New("it has no database")
	}
	return nil
}

// checkRedis accepts what asynq.ParseRedisURI understands, and no more.
func checkRedis(value string) error {
	u, err := url.Parse(value)
	if err != nil {
		return errors.New("it is not a URL; escape special characters of the password as %XX")
	}
	switch u.Scheme {
	case "redis", "rediss":
		return checkRedisServer(u)
	case "redis-socket":
		if u.Path == "" {
			return errors.New("it has no path")
		}
	case "redis-sentinel":
		if u.Host == "" || u.Query().Get("master") == "" {
			return errors.New("it needs the sentinels' hosts and ?master=name")
		}
	default:
		return errors.New("it does not begin with redis://, rediss://, redis-socket:// or redis-sentinel://")
	}
	return nil
}

func checkRedisServer(u *url.URL) error {
	switch {
	case u.Hostname() == "":
		return errors.New("it has no host")
	case strings.Contains(u.Host, ","):
		return errors.New("it names several hosts, which only redis-sentinel:// can")
	case u.Port() == "":
		return errors.New("it has no port")
	}
	if first, _, _ := strings.Cut(strings.Trim(u.Path, "/"), "/"); u.Path != "" {
		if _, err := strconv.ParseUint(first, 10, 16); err != nil {
			return errors.New("its path is not a database number, such as /0")
		}
	}
	return nil
}

func checkKeys(value string) error {
	_, err := secret.ParseKeys(value)
	return err
}

func checkOffOrDays(value string) error {
	if days, err := strconv.ParseUint(value, 10, 8); value != Off && (err != nil || days > 90) {
		return fmt.Errorf("%q is neither", value)
	}
	return nil
}

func checkSMTP(value string) error {
	_, err := smtp.ParseServer(value)
	return err
}

func checkMailAddress(value string) error {
	_, err := smtp.ParseAddress(value)
	return err
}

// parsePrefixes reads networks and single addresses.
func parsePrefixes(value string) ([]netip.Prefix, error) {
	var prefixes []netip.Prefix
	for _, entry := range strings.Split(value, ",") {
		prefix, err := parsePrefix(strings.TrimSpace(entry))
		if err != nil {
			return nil, err
		}
		prefixes = append(prefixes, prefix)
	}
	return prefixes, nil
}

func parsePrefix(entry string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(entry); err == nil && addr.Zone() == "" {
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(entry)
	switch {
	case err != nil:
		return prefix, fmt.Errorf("%q is not an address or network", entry)
	case prefix.Addr().Is4In6():
		return prefix, fmt.Errorf("%q must be written as IPv4", entry)
	case prefix != prefix.Masked():
		return prefix, fmt.Errorf("%q has bits behind its prefix; %s is meant", entry, prefix.Masked())
	case prefix.Bits() == 0:
		return prefix, fmt.Errorf("%q is everyone, which would switch the protection off", entry)
	}
	return prefix, nil
}
