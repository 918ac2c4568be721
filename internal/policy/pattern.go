package policy

import (
	"errors"
	"path"
	"strings"

	"mellium.im/xmpp/jid"
)

// pattern matches bare addresses. The local part and the domain are globs of
// their own, so that no star reaches across the @: "admin*" can never mean
// admin@somewhere.else. Only the lone "*" means everybody.
type pattern struct {
	all           bool
	local, domain string
	hasLocal      bool
	exact         bool // both are what they say
}

func matchAny(ps []pattern, bare jid.JID) bool {
	for _, p := range ps {
		if p.match(bare) {
			return true
		}
	}
	return false
}

func (p pattern) match(bare jid.JID) bool {
	if p.all {
		return true
	}
	if p.exact {
		return p.local == bare.Localpart() && p.domain == bare.Domainpart()
	}
	if p.hasLocal != (bare.Localpart() != "") {
		return false
	}
	local, _ := path.Match(p.local, bare.Localpart())
	domain, _ := path.Match(p.domain, bare.Domainpart())
	return local && domain
}

// parsePattern reads "alice@example.net", "*@example.net", "example.net" (a
// component) or "*".
func parsePattern(s string) (pattern, error) {
	switch {
	case s == "*":
		return pattern{all: true}, nil
	case s == "":
		return pattern{}, errors.New("an address is empty")
	case strings.Contains(s, "/"):
		return pattern{}, errors.New("rules are about bare addresses, without /resource")
	case strings.ContainsAny(s, `[]\`):
		return pattern{}, errors.New("an address glob has * and ? only")
	}
	local, domain, found := strings.Cut(s, "@")
	if !found {
		local, domain = "", s
		if strings.ContainsAny(s, "*?") {
			return pattern{}, errors.New("a glob needs both sides of the @, as in *@example.net")
		}
	}
	if found && local == "" {
		return pattern{}, errors.New("nothing stands before the @ (a group is written @name in quotes)")
	}
	exact := !strings.ContainsAny(s, "*?")
	if exact {
		j, err := jid.Parse(s)
		if err != nil {
			return pattern{}, errors.New("not an address")
		}
		local, domain = j.Localpart(), j.Domainpart()
	} else {
		local, domain = strings.ToLower(local), strings.ToLower(domain)
		if strings.ContainsAny(s, " \t\"&'<>:") || strings.Contains(domain, "@") || domain == "" {
			return pattern{}, errors.New("not an address")
		}
	}
	return pattern{local: local, domain: domain, hasLocal: found, exact: exact}, nil
}
