package muc

import (
	"fmt"
	"strconv"

	"adminbot/internal/xmpp/form"
)

// A Config is how a room is (XEP-0045#registrar-formtype-owner).
type Config struct {
	Name          string `json:"name,omitempty"`
	Description   string `json:"description,omitempty"`
	Public        bool   `json:"public,omitempty"` // it is on the list
	Persistent    bool   `json:"persistent,omitempty"`
	MembersOnly   bool   `json:"members_only,omitempty"`
	Moderated     bool   `json:"moderated,omitempty"`
	SemiAnonymous bool   `json:"semi_anonymous,omitempty"` // only moderators see addresses
	Archived      bool   `json:"archived,omitempty"`       // XEP-0313
	AllowInvites  bool   `json:"allow_invites,omitempty"`  // into a room for members, by members
	ChangeSubject bool   `json:"change_subject,omitempty"` // by all who are in
	Password      string `json:"password,omitempty"`
	MaxUsers      int    `json:"max_users"`
}

// defaultConfig is that of a room about which nothing is said: addresses are
// shown, because a bot in it must know who says what.
var defaultConfig = Config{Public: true, ChangeSubject: true, MaxUsers: 200}

// The fields of the form.
const (
	formType         = "FORM_TYPE"
	fieldName        = "muc#roomconfig_roomname"
	fieldDescription = "muc#roomconfig_roomdesc"
	fieldPublic      = "muc#roomconfig_publicroom"
	fieldPersistent  = "muc#roomconfig_persistentroom"
	fieldMembersOnly = "muc#roomconfig_membersonly"
	fieldModerated   = "muc#roomconfig_moderatedroom"
	fieldWhois       = "muc#roomconfig_whois"
	fieldArchived    = "muc#roomconfig_enablearchiving"
	fieldInvites     = "muc#roomconfig_allowinvites"
	fieldSubject     = "muc#roomconfig_changesubject"
	fieldProtected   = "muc#roomconfig_passwordprotectedroom"
	fieldPassword    = "muc#roomconfig_roomsecret"
	fieldMaxUsers    = "muc#roomconfig_maxusers"
)

// A flag is a field that is true or false.
type flag struct {
	field, label string
	of           func(*Config) *bool
}

var flags = []flag{
	{fieldPersistent, "Stays when nobody is in it", func(c *Config) *bool { return &c.Persistent }},
	{fieldPublic, "On the list of rooms", func(c *Config) *bool { return &c.Public }},
	{fieldMembersOnly, "For members only", func(c *Config) *bool { return &c.MembersOnly }},
	{fieldModerated, "Only who has voice may speak", func(c *Config) *bool { return &c.Moderated }},
	{fieldArchived, "Keeps what is said", func(c *Config) *bool { return &c.Archived }},
	{fieldInvites, "Members may invite, not only administrators", func(c *Config) *bool { return &c.AllowInvites }},
	{fieldSubject, "All who are in may change the subject", func(c *Config) *bool { return &c.ChangeSubject }},
}

// form is what an owner is shown.
func (c *Config) form(address string) form.Form {
	whois := "anyone"
	if c.SemiAnonymous {
		whois = "moderators"
	}
	f := form.Form{
		Type: "form", Title: "The room " + address,
		Fields: []form.Field{
			{Var: formType, Type: "hidden", Values: []string{nsConfig}},
			{Var: fieldName, Type: "text-single", Label: "Name", Values: []string{c.Name}},
			{Var: fieldDescription, Type: "text-single", Label: "What it is for", Values: []string{c.Description}},
		},
	}
	for _, b := range flags {
		f.Fields = append(f.Fields, form.Field{Var: b.field, Type: "boolean", Label: b.label, Values: []string{boolean(*b.of(c))}})
	}
	f.Fields = append(f.Fields,
		form.Field{Var: fieldWhois, Type: "list-single", Label: "Who sees addresses", Values: []string{whois},
			Options: []form.Option{{Label: "Moderators", Value: "moderators"}, {Label: "Everybody", Value: "anyone"}}},
		form.Field{Var: fieldMaxUsers, Type: "text-single", Label: "How many may be in it", Values: []string{strconv.Itoa(c.MaxUsers)}},
		form.Field{Var: fieldProtected, Type: "boolean", Label: "Needs a password", Values: []string{boolean(c.Password != "")}},
		form.Field{Var: fieldPassword, Type: "text-private", Label: "The password", Values: []string{c.Password}},
	)
	return f
}

func boolean(b bool) string {
	if b {
		return "1"
	}
	return "0"
}

// apply changes c as an owner wishes. What he does not mention stays, what is
// not known here does not count. After an error c is not to be used.
func (c *Config) apply(f form.Form, lim Limits) error {
	for _, b := range flags {
		if v, ok := f.Lookup(b.field); ok {
			set, err := strconv.ParseBool(v)
			if err != nil {
				return fmt.Errorf("%s: %q is neither true nor false", b.field, v)
			}
			*b.of(c) = set
		}
	}
	if v, ok := f.Lookup(fieldName); ok {
		c.Name = v
	}
	if v, ok := f.Lookup(fieldDescription); ok {
		c.Description = v
	}
	if v, ok := f.Lookup(fieldWhois); ok {
		if v != "anyone" && v != "moderators" {
			return fmt.Errorf("%s: %q is neither anyone nor moderators", fieldWhois, v)
		}
		c.SemiAnonymous = v == "moderators"
	}
	if v, ok := f.Lookup(fieldPassword); ok {
		c.Password = v
	}
	if v, ok := f.Lookup(fieldProtected); ok {
		set, err := strconv.ParseBool(v)
		switch {
		case err != nil:
			return fmt.Errorf("%s: %q is neither true nor false", fieldProtected, v)
		case !set:
			c.Password = ""
		case c.Password == "":
			return fmt.Errorf("%s: there is no password", fieldProtected)
		}
	}
	if v, ok := f.Lookup(fieldMaxUsers); ok && v != "" && v != "none" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 {
			return fmt.Errorf("%s: %q is no number of people", fieldMaxUsers, v)
		}
		c.MaxUsers = n
	}
	c.MaxUsers = min(c.MaxUsers, lim.Occupants)
	if len(c.Name) > lim.TextBytes || len(c.Description) > lim.TextBytes || len(c.Password) > lim.NameBytes {
		return fmt.Errorf("a text is too long")
	}
	return nil
}
