package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"path/filepath"
	"syscall"

	"adminbot/internal/account"
	"adminbot/internal/config"
	"adminbot/internal/site"
	"adminbot/internal/store"
	"adminbot/internal/xmppd"
)

type serverCmd struct {
	Config string `required:"" type:"existingfile" help:"The configuration file."`
}

func (c serverCmd) Run(ctx context.Context, std streams, log *slog.Logger) error {
	serveMany(log)
	conf, err := config.Load(c.Config)
	if err != nil {
		return exit(exitUsage, err)
	}
	setup, err := serverSetupOf(conf)
	if err != nil {
		return exit(exitUsage, err)
	}
	srv, err := openServer(ctx, setup, log)
	if err != nil {
		return err
	}
	defer srv.Close()
	fmt.Fprintf(std.err, "serving %s on %s\n", conf.Server.Domain, srv.listeners.C2S.Addr())
	return srv.Run(ctx)
}

func serverSetupOf(conf config.Config) (serverSetup, error) {
	s := serverSetup{
		domain: conf.Server.Domain, accounts: filepath.Join(conf.State, site.Accounts),
		c2s: conf.Server.Listen, direct: conf.Server.ListenTLS, component: conf.Server.Component,
		plain: conf.Server.PlainLoopback, components: map[string]string{},
		rooms: conf.Server.Rooms, makers: conf.Server.RoomMakers,
	}
	if s.domain == "" || conf.Server.Certificate == "" || conf.Server.Key == "" {
		return s, errors.New("server.domain, server.certificate and server.key are needed")
	}
	var err error
	if s.cert, err = tls.LoadX509KeyPair(conf.Server.Certificate, conf.Server.Key); err != nil {
		return s, fmt.Errorf("server.certificate: %w", err)
	}
	for domain, file := range conf.Server.Components {
		if s.components[domain], err = config.ReadSecret(file); err != nil {
			return s, err
		}
	}
	return s, nil
}

// serverSetup is what the embedded server needs. Empty addresses are not
// listened on.
type serverSetup struct {
	domain                 string
	accounts               string // the SQLite file
	cert                   tls.Certificate
	c2s, direct, component string
	plain                  bool              // admit logins without TLS from this machine
	components             map[string]string // domain to secret
	rooms                  string            // domain; empty: the usual one; none: there are no rooms
	makers                 []account.Role    // who may make rooms; nil: everybody
}

// A server is the embedded server with its store and its listeners, which are
// open from the start.
type server struct {
	xmpp      *xmppd.Server
	store     *store.Store
	listeners xmppd.Listeners
}

func openServer(ctx context.Context, s serverSetup, log *slog.Logger) (_ *server, err error) {
	srv := &server{}
	defer func() {
		if err != nil {
			srv.Close()
		}
	}()
	if srv.store, err = store.Open(ctx, s.accounts); err != nil {
		return nil, err
	}
	secret, err := srv.store.Secret(ctx)
	if err != nil {
		return nil, err
	}
	srv.xmpp, err = xmppd.New(xmppd.Config{
		Domain: s.domain, TLS: &tls.Config{Certificates: []tls.Certificate{s.cert}, MinVersion: tls.VersionTLS12}, PlainLoopback: s.plain,
		Accounts: srv.store, Rosters: srv.store, Offline: srv.store, Private: srv.store,
		Rooms:      s.roomsConfig(srv.store),
		Components: s.components, Secret: secret, Version: buildVersion, Log: log,
	})
	if err != nil {
		return nil, err
	}
	for _, l := range []struct {
		addr string
		to   *net.Listener
	}{{s.c2s, &srv.listeners.C2S}, {s.direct, &srv.listeners.DirectTLS}, {s.component, &srv.listeners.Component}} {
		if l.addr == "" {
			continue
		}
		if *l.to, err = listen(l.addr); err != nil {
			return nil, err
		}
	}
	return srv, nil
}

func (s serverSetup) roomsConfig(store *store.Store) xmppd.Rooms {
	if s.rooms == "none" {
		return xmppd.Rooms{}
	}
	return xmppd.Rooms{Domain: cmp.Or(s.rooms, "conference."+s.domain), Store: store, Makers: s.makers}
}

func listen(addr string) (net.Listener, error) {
	l, err := net.Listen("tcp", addr)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%s is in use by another program\nhint: --listen 127.0.0.1:0 picks free ports", addr)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("%s: %w\nhint: ports below 1024 need privileges", addr, err)
	}
	return l, err
}

// Run serves until ctx is done.
func (s *server) Run(ctx context.Context) error { return s.xmpp.Serve(ctx, s.listeners) }

// Close closes what openServer opened and Run did not.
func (s *server) Close() {
	for _, l := range []net.Listener{s.listeners.C2S, s.listeners.DirectTLS, s.listeners.Component} {
		if l != nil {
			l.Close()
		}
	}
	if s.store != nil {
		s.store.Close()
	}
}
