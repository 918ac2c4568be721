package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"golang.org/x/term"

	"adminbot/internal/account"
	"adminbot/internal/config"
	"adminbot/internal/site"
	"adminbot/internal/store"
)

type userCmd struct {
	Add    userAddCmd    `cmd:"" help:"Add an account. Its password is read from standard input, or made and printed once."`
	Passwd userPasswdCmd `cmd:"" help:"Change a password, which is read or made as with add."`
	Remove userRemoveCmd `cmd:"" help:"Remove an account and what was kept for it."`
	List   userListCmd   `cmd:"" help:"List accounts and roles."`
}

// accountsFlags name the store of accounts. A server that runs notices changes.
type accountsFlags struct {
	Dir    string `help:"State directory of adminbot up."`
	Config string `type:"existingfile" help:"Configuration of adminbot server."`
}

// open opens the store; dir is the state directory of a site, if it is one.
func (f accountsFlags) open(ctx context.Context) (s *store.Store, dir string, err error) {
	var path string
	if f.Config != "" {
		conf, err := config.Load(f.Config)
		if err != nil {
			return nil, "", exit(exitUsage, err)
		}
		path = filepath.Join(conf.State, site.Accounts)
	} else {
		if dir, err = stateDir(f.Dir); err != nil {
			return nil, "", exit(exitUsage, err)
		}
		path = filepath.Join(dir, site.Accounts)
		if _, err := os.Stat(path); err != nil {
			return nil, "", usage("no accounts in %s: %w\nhint: adminbot up makes them; name its directory with --dir", dir, err)
		}
	}
	s, err = store.Open(ctx, path)
	return s, dir, err
}

type userAddCmd struct {
	accountsFlags
	Name string `arg:"" help:"The part before the @."`
	Role string `enum:"admin,user,host,bot" default:"user" help:"What it is for: admin, user, host or bot."`
}

func (c userAddCmd) Run(ctx context.Context, std streams) error {
	s, dir, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	a, password, err := newAccount(std, c.Name, account.Role(c.Role))
	if err != nil {
		return err
	}
	if err := s.AddAccount(ctx, a); errors.Is(err, account.ErrExists) {
		return usage("%s exists already\nhint: adminbot user passwd %s changes its password", a.Name, a.Name)
	} else if err != nil {
		return err
	}
	password.say(std, a.Name+" added")
	if a.Role == account.Admin {
		fmt.Fprintf(std.err, "hint: the policies say what administrators may do; add %s to their group admins%s, and start what reads them again\n", a.Name, policiesIn(dir))
	}
	return nil
}

type userPasswdCmd struct {
	accountsFlags
	Name string `arg:"" help:"The part before the @."`
}

func (c userPasswdCmd) Run(ctx context.Context, std streams) error {
	s, dir, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	name, err := account.Name(c.Name)
	if err != nil {
		return exit(exitUsage, err)
	}
	old, err := s.Account(ctx, name)
	if err != nil {
		return noSuch(name, err)
	}
	a, password, err := newAccount(std, name, old.Role)
	if err != nil {
		return err
	}
	if err := s.SetPassword(ctx, a); err != nil {
		return noSuch(name, err)
	}
	if dir != "" { // what adminbot say and others log in with
		if err := site.UpdateSecret(dir, name, password.text); err != nil {
			return err
		}
	}
	password.say(std, "password of "+name+" changed")
	return nil
}

type userRemoveCmd struct {
	accountsFlags
	Name string `arg:"" help:"The part before the @."`
}

func (c userRemoveCmd) Run(ctx context.Context, std streams) error {
	s, _, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	name, err := account.Name(c.Name)
	if err != nil {
		return exit(exitUsage, err)
	}
	if err := s.RemoveAccount(ctx, name); err != nil {
		return noSuch(name, err)
	}
	fmt.Fprintf(std.out, "%s removed\n", name)
	return nil
}

type userListCmd struct{ accountsFlags }

func (c userListCmd) Run(ctx context.Context, std streams) error {
	s, _, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	entries, _, err := s.Entries(ctx)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(std.out, 0, 0, 2, ' ', 0)
	for _, e := range entries {
		fmt.Fprintf(w, "%s\t%s\n", e.Name, e.Role)
	}
	return w.Flush()
}

func noSuch(name string, err error) error {
	if errors.Is(err, account.ErrNotFound) {
		return usage("no account %s\nhint: adminbot user list", name)
	}
	return err
}

// A password is what an account is made with; one that was made here is shown
// once.
type password struct {
	text string
	made bool
}

// newAccount makes an account with the first line of standard input as its
// password, unless that is a terminal or empty; then it makes a password.
func newAccount(std streams, name string, role account.Role) (account.Account, password, error) {
	var p password
	if !term.IsTerminal(int(std.in.Fd())) {
		line := bufio.NewScanner(std.in)
		if line.Scan() {
			p.text = strings.TrimSpace(line.Text())
		} else if err := line.Err(); err != nil {
			return account.Account{}, p, fmt.Errorf("password: %w", err)
		}
	}
	if p.text == "" {
		p = password{rand.Text(), true}
	}
	a, err := account.New(name, role, p.text)
	if err != nil {
		return a, p, exit(exitUsage, err)
	}
	return a, p, nil
}

func (p password) say(std streams, what string) {
	if p.made {
		what += ", password: " + p.text
	}
	fmt.Fprintln(std.out, what)
}

// policiesIn names the policy files of a site, for a hint.
func policiesIn(dir string) string {
	if dir == "" {
		return ""
	}
	return fmt.Sprintf(" in %s, %s and %s", filepath.Join(dir, site.BotPolicy), filepath.Join(dir, site.HostPolicy), filepath.Join(dir, site.WorkgroupPolicy))
}
