package muc

import "fmt"

// An Affiliation is what an account is to a room for good (XEP-0045#affil).
type Affiliation int8

// The affiliations, in rising order.
const (
	Outcast Affiliation = iota - 1
	None
	Member
	Admin
	Owner
)

var affiliations = [...]string{"outcast", "none", "member", "admin", "owner"}

func (a Affiliation) String() string { return affiliations[a+1] }

// parseAffiliation reads what String wrote.
func parseAffiliation(s string) (Affiliation, bool) {
	for i, name := range affiliations {
		if s == name {
			return Affiliation(i - 1), true
		}
	}
	return None, false
}

// MarshalText makes affiliations readable where they are kept.
func (a Affiliation) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (a *Affiliation) UnmarshalText(b []byte) error {
	got, ok := parseAffiliation(string(b))
	if !ok {
		return fmt.Errorf("muc: %q is no affiliation", b)
	}
	*a = got
	return nil
}

// A role is what somebody may do in a room as long as he is in it
// (XEP-0045#roles).
type role int8

// The roles, in rising order.
const (
	noRole role = iota
	visitor
	participant
	moderator
)

var roles = [...]string{"none", "visitor", "participant", "moderator"}

func (r role) String() string { return roles[r] }

func parseRole(s string) (role, bool) {
	for i, name := range roles {
		if s == name {
			return role(i), true
		}
	}
	return noRole, false
}

// roleOf is the role in which somebody enters (XEP-0045#affil-priv).
func (c *Config) roleOf(a Affiliation) role {
	switch {
	case a >= Admin:
		return moderator
	case a == Member || !c.Moderated:
		return participant
	}
	return visitor
}
