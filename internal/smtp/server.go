package smtp

import (
	"errors"
	"net/mail"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/trellishq/trellis/internal/secret"
)

// Security is how the connection to a mail server is protected.
type Security string

// The ways of protection.
const (
	// StartTLS begins in the clear and goes on only if the server can TLS.
	StartTLS Security = "starttls"
	// Implicit is TLS from the first byte.
	Implicit Security = "implicit"
	// Plain is no protection at all, for a server on the same machine or network.
	Plain Security = "none"
)

// Server is where letters are handed in.
type Server struct {
	Host     string
	Port     int
	User     string
	Password secret.String
	Security Security
}

// ports are the usual ones.
var ports = map[Security]int{StartTLS: 587, Implicit: 465, Plain: 25}

// ParseServer reads smtp://user:password@host:port?tls=starttls, in which only
// the host is required. tls is starttls, implicit or none; a password is not
// sent over an unprotected connection, but to this very machine. The error
// never shows the password.
func ParseServer(rawURL string) (Server, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return Server{}, errors.New("it is not a URL; escape special characters of the password as %XX")
	}
	switch {
	case u.Scheme != "smtp":
		return Server{}, errors.New("it does not begin with smtp://")
	case u.Hostname() == "":
		return Server{}, errors.New("it has no host")
	case strings.Trim(u.Path, "/") != "" || u.Fragment != "":
		return Server{}, errors.New("it has a path or a fragment")
	}
	s := Server{Host: u.Hostname(), User: u.User.Username(), Security: StartTLS}
	if password, given := u.User.Password(); given {
		s.Password = secret.NewString(password)
	}
	query := u.Query()
	if way := query.Get("tls"); way != "" {
		s.Security = Security(way)
	}
	query.Del("tls")
	if len(query) > 0 {
		return Server{}, errors.New("it has a parameter other than tls")
	}
	if s.Port, err = parsePort(u.Port(), s.Security); err != nil {
		return Server{}, err
	}
	return s, s.check()
}

func parsePort(text string, way Security) (int, error) {
	if text == "" {
		return ports[way], nil
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil || port == 0 {
		return 0, errors.New("its port is not a number from 1 to 65535")
	}
	return int(port), nil
}

func (s Server) check() error {
	switch {
	case ports[s.Security] == 0:
		return errors.New("tls is starttls, implicit or none")
	case (s.User == "") == s.Password.IsSet():
		return errors.New("it has a user without a password, or a password without a user")
	case s.Security == Plain && s.User != "" && !loopback(s.Host):
		return errors.New("it would send a password over an unprotected connection: use tls=starttls or tls=implicit")
	}
	return nil
}

func loopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && address.IsLoopback()
}

// ParseAddress reads a sender, such as Trellis <no-reply@example.com>.
func ParseAddress(text string) (mail.Address, error) {
	address, err := mail.ParseAddress(text)
	if err != nil || strings.ContainsFunc(address.Name, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return mail.Address{}, errors.New("it is not a mail address, such as Trellis <no-reply@example.com>")
	}
	return *address, nil
}
