package site

import (
	"errors"
	"io/fs"
	"os"
	"strings"
)

// Files of the alert service.
const (
	Workgroups      = "workgroups.toml"       // [workgroups] of a configuration file, the groups alone
	WorkgroupPolicy = "policy-workgroup.toml" // who may raise, see and end alerts
)

// AddWorkgroups makes the files of the alert service in a directory that an older
// AdminBot has made.
func (s *Site) AddWorkgroups() error {
	for name, text := range workgroupFiles(s.Domain) {
		if _, err := os.Lstat(s.Path(name)); !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err := writeFile(s.Path(name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

func workgroupFiles(domain string) map[string]string {
	return map[string]string{
		Workgroups:      strings.ReplaceAll(workgroups, "DOMAIN", domain),
		WorkgroupPolicy: strings.ReplaceAll(workgroupPolicy, "DOMAIN", domain),
		Intake:          intake,
	}
}

const workgroups = `# The workgroups of this machine: where alerts wait, and who is asked to take
# them. "*@DOMAIN" is every person who has an account; hosts and bots are members
# only by name. "adminbot config describe" shows every key.

[[workgroups.group]]
name = "alerts"
title = "On call"
members = [{ jid = "*@DOMAIN" }]
`

const workgroupPolicy = `# Who may raise, see, take and end alerts with "adminbot alert", through the bot,
# or by Jabber-RPC. "who" is the person, "via" the account that makes the call.
# The word of a bot about whom it speaks for is believed. Whoever says what becomes
# of an alert has to be a member of its workgroup (workgroups.toml) or an
# administrator besides; everybody else, hosts for example, raises alerts and ends
# what they raised themselves.

bots = ["adminbot@DOMAIN"]
callers = ["*@DOMAIN"]

[groups]
admins = ["admin@DOMAIN"]

# R: see alerts, who is on call and how workgroups stand. W: raise, take, pass,
# give, note, silence and end alerts, join and leave, take over on call. Methods
# that later versions bring are of such a class too. docs/oncall.md lists them all;
# one alone is allowed by its name, "alert.note", instead of the class.
[[rule]]
who = ["*@DOMAIN"]
may = ["R", "W"]
`
