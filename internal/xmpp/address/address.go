// Package address reads XMPP addresses (RFC 7622) quickly where they are plain.
package address

import (
	"strings"

	"mellium.im/xmpp/jid"
)

// Parse is [jid.Parse]. An address of lower case ASCII letters, digits and a few
// signs, as those of hosts are, is in its normal form already: preparing it
// takes a hundred times longer than seeing that.
func Parse(s string) (jid.JID, error) {
	rest, resource, full := strings.Cut(s, "/")
	local, domain, account := strings.Cut(rest, "@")
	if !account {
		local, domain = "", rest
	}
	if plainDomain(domain) && (!account || plain(local)) && (!full || plain(resource)) {
		return jid.NewUnsafe(local, domain, resource).JID, nil
	}
	return jid.Parse(s)
}

const most = 63 // bytes of a part that is taken for plain; a label has no more

// plain reports whether preparation leaves a localpart or a resource as it is.
func plain(s string) bool {
	if s == "" || len(s) > most {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '-', c == '_', c == '.':
		default:
			return false
		}
	}
	return true
}

// plainDomain reports whether a domain is plain labels, the first of which
// begins with a letter: so it is no IP address.
func plainDomain(s string) bool {
	if len(s) > most || s == "" || s[0] < 'a' || s[0] > 'z' {
		return false
	}
	last := byte('.')
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
		case c == '.' && last != '.' && last != '-':
		case c == '-' && last != '.' && last != '-': // "xn--" is for jid.Parse
		default:
			return false
		}
		last = c
	}
	return last != '.' && last != '-'
}
