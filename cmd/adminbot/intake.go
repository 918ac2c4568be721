package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"

	"adminbot/internal/alertrpc"
	"adminbot/internal/config"
	"adminbot/internal/intake"
	"adminbot/workgroups"
)

// newIntake opens the addresses at which alerts come in, and reads the tokens of
// those who may raise them. Without an address there is nothing: nil.
func newIntake(ctx context.Context, c config.Intake, service *workgroups.Service, log *slog.Logger) (s *intake.Server, err error) {
	if c.Listen == "" && c.Mail == "" {
		return nil, nil
	}
	ic := intake.Config{Reports: service, Queue: service, MailDomains: c.MailDomains, Log: log}
	if ic.Proxies, err = c.Trusted(); err != nil {
		return nil, exit(exitUsage, err)
	}
	if ic.Sources, err = intakeSources(c, service.Workgroups()); err != nil {
		return nil, exit(exitUsage, err)
	}
	var listen net.ListenConfig
	var open []net.Listener
	defer func() {
		if err != nil {
			for _, l := range open {
				l.Close()
			}
		}
	}()
	for _, l := range []struct {
		name, address string
		to            *net.Listener
	}{{"intake.listen", c.Listen, &ic.HTTP}, {"intake.mail", c.Mail, &ic.Mail}} {
		if l.address == "" {
			continue
		}
		if *l.to, err = listen.Listen(ctx, "tcp", l.address); err != nil {
			return nil, fmt.Errorf("%s: %w", l.name, err)
		}
		open = append(open, *l.to)
	}
	if c.Certificate != "" && ic.HTTP != nil {
		cert, err := tls.LoadX509KeyPair(c.Certificate, c.Key)
		if err != nil {
			return nil, exit(exitUsage, fmt.Errorf("intake.certificate: %w", err))
		}
		ic.HTTP = tls.NewListener(ic.HTTP, &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}})
	}
	return intake.New(ic)
}

// intakeSources are the sources of a configuration, with their tokens.
func intakeSources(c config.Intake, groups []workgroups.Workgroup) ([]intake.Source, error) {
	var all []intake.Source
	for _, s := range c.Source {
		src := intake.Source{Name: s.Name, Workgroup: s.Workgroup, Mail: s.MailKey, Rate: s.Rate}
		if src.Workgroup == "" {
			src.Workgroup, _ = alertrpc.DefaultWorkgroup(groups)
		}
		known := false
		for _, g := range groups {
			known = known || g.Name == src.Workgroup
		}
		if !known {
			return nil, fmt.Errorf("intake.source %s: there is no workgroup %q\nhint: [[workgroups.group]]", s.Name, src.Workgroup)
		}
		if s.TokenFile != "" {
			var err error
			if src.Token, err = config.ReadSecret(s.TokenFile); err != nil {
				return nil, errors.Join(fmt.Errorf("intake.source %s", s.Name), err)
			}
		}
		all = append(all, src)
	}
	return all, nil
}
