package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"

	"adminbot/internal/xmpp/version"
	"mellium.im/xmpp/jid"

	"adminbot/internal/config"
	"adminbot/internal/link"
	"adminbot/internal/site"
)

// stateDir is the state directory of adminbot up: what --dir says, else where
// the freedesktop.org base directories put state.
func stateDir(flag string) (string, error) {
	if flag != "" {
		return filepath.Abs(flag)
	}
	if base := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(base) {
		return filepath.Join(base, "adminbot"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil || home == "" {
		return "", errors.New("no home directory to keep state in\nhint: name a directory with --dir")
	}
	return filepath.Join(home, ".local", "state", "adminbot"), nil
}

// loginFlags name the account a command logs in with.
type loginFlags struct {
	Dir    string `help:"State directory of a running adminbot up; its administrator logs in."`
	Config string `type:"existingfile" help:"Configuration file whose [account] logs in."`
}

// account finds the login, and the bot of the installation if it is known.
func (f loginFlags) account() (acct config.Account, bot string, err error) {
	acct, bot, err = f.find()
	switch {
	case errors.Is(err, site.ErrNotRunning):
		err = exit(exitUnreachable, err)
	case err != nil:
		err = exit(exitUsage, err)
	}
	return acct, bot, err
}

func (f loginFlags) find() (acct config.Account, bot string, err error) {
	if f.Config != "" {
		conf, err := config.Load(f.Config)
		return conf.Account, conf.Account.Bot, err
	}
	dir, err := stateDir(f.Dir)
	if err != nil {
		return acct, "", err
	}
	access, err := site.ReadAccess(dir)
	if err != nil {
		return acct, "", err
	}
	acct, err = access.Login(dir, "admin")
	return acct, access.Bot, err
}

// linkConfig is how acct logs in; resource is used when its JID has none.
func linkConfig(acct config.Account, resource string, log *slog.Logger) (link.Config, error) {
	addr, err := jid.Parse(acct.JID)
	if err != nil {
		return link.Config{}, fmt.Errorf("account.jid %q: %w", acct.JID, err)
	}
	if addr.Resourcepart() == "" && resource != "" {
		if addr, err = addr.WithResource(resource); err != nil {
			return link.Config{}, err
		}
	}
	c := link.Config{
		JID: addr, Addr: acct.Address, DirectTLS: acct.DirectTLS, TLS: &tls.Config{}, Log: log,
		Password: func() (string, error) { return acct.Secret(os.Getenv("CREDENTIALS_DIRECTORY")) },
		Version:  version.Info{Name: "AdminBot", Version: buildVersion},
	}
	if acct.CAFile != "" {
		pem, err := os.ReadFile(acct.CAFile)
		if err != nil {
			return link.Config{}, fmt.Errorf("account.ca_file: %w", err)
		}
		c.TLS.RootCAs = x509.NewCertPool()
		if !c.TLS.RootCAs.AppendCertsFromPEM(pem) {
			return link.Config{}, fmt.Errorf("account.ca_file: no certificate in %s", acct.CAFile)
		}
	}
	return c, nil
}

// connect logs in once and keeps the session until the returned function is
// called. Errors of the login end in exit code 5.
func connect(ctx context.Context, s *link.Session) (disconnect func(), err error) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	select {
	case <-s.Ready():
		return func() {
			cancel()
			<-done
		}, nil
	case err := <-done:
		cancel()
		if err == nil {
			err = context.Cause(ctx)
		}
		if errors.Is(err, syscall.ECONNREFUSED) {
			err = fmt.Errorf("%w\nhint: is adminbot up, or the server, running?", err)
		}
		return nil, exit(exitUnreachable, err)
	}
}
