// Package intake takes alerts in from the systems that watch: Alertmanager,
// Grafana, Nagios, Icinga, anything that can post JSON or a form over HTTP, and
// anything that can send mail.
//
// Make a [Server] with [New] and call [Server.Run]. Each body that arrives is
// read by the format of the address it was sent to, becomes one or more
// [workgroups.Report], and is handed to a [Reporter] in one call: all of it is
// taken in, or nothing. Only when that call has returned, and the alerts are on
// the disk, is the sender told that all is well. A sender that is told otherwise
// may send the same again: the same report twice is one alert.
//
// A [Source] is a system that may send. Its token says who it is and so to which
// workgroup its alerts go.
package intake

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"adminbot/internal/ration"
	"adminbot/internal/textsafe"
	"adminbot/workgroups"
)

// A Reporter puts reports on the disk: all, or with an error none. It is a
// [workgroups.Service].
type Reporter interface {
	Report(context.Context, ...workgroups.Report) ([]workgroups.Receipt, error)
}

// A Source is a system that raises alerts.
type Source struct {
	Name      string // what alerts are said to come from
	Workgroup string
	Token     string  // its secret; empty: it cannot use HTTP
	Mail      string  // the local part of its address, before any "+"; empty: it cannot use mail
	Rate      float64 // requests and mails a second, in the long run; 0: DefaultRate
}

// Limits of what is taken.
const (
	DefaultRate = 5000    // requests of a source a second; twice as many at once
	MaxBody     = 4 << 20 // bytes of a request or of a mail
	MaxAlerts   = 1000    // of one request
	maxConns    = 512     // open at once, of HTTP; more wait. See maxEach
)

// reportWait is how long a request waits for the disk.
const reportWait = 20 * time.Second

// Config is what a server is made of.
type Config struct {
	Reports Reporter
	Sources []Source
	Queue   Queue // what /metrics tells of; nil: only of requests

	// Where alerts come in; nil: not that way. Run closes them.
	HTTP, Mail  net.Listener
	MailDomains []string // mail is taken for; none: any

	// Reverse proxies in front of HTTP, whose X-Forwarded-For is believed. This machine
	// may have one in any case.
	Proxies []netip.Prefix

	Now func() time.Time // nil: time.Now
	Log *slog.Logger     // nil discards
}

// A Server takes alerts in. Its methods are safe for concurrent use.
type Server struct {
	cfg     Config
	log     *slog.Logger
	sources []*source
	metrics metrics
	lines   *ration.Ration // in the log
}

// New makes a server that does nothing until [Server.Run] is called.
func New(cfg Config) (*Server, error) {
	if cfg.Reports == nil {
		return nil, errors.New("intake: needs a reporter")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	s := &Server{cfg: cfg, log: cfg.Log, metrics: metrics{requests: map[string]uint64{}, alerts: map[string]uint64{}}}
	s.lines = &ration.Ration{Each: 5, Every: time.Minute, Kinds: 64, More: func(kind string, n int, since time.Time) {
		s.log.Warn("more was refused", "why", kind, "times", n, "since", since)
	}}
	for _, src := range cfg.Sources {
		one, err := newSource(src)
		if err != nil {
			return nil, err
		}
		for _, other := range s.sources {
			switch {
			case other.Name == one.Name:
				return nil, fmt.Errorf("intake: two sources are called %s", one.Name)
			case one.Token != "" && other.Token == one.Token:
				return nil, fmt.Errorf("intake: %s and %s have the same token", other.Name, one.Name)
			case one.Mail != "" && strings.EqualFold(other.Mail, one.Mail):
				return nil, fmt.Errorf("intake: %s and %s have the same mail address", other.Name, one.Name)
			}
		}
		s.sources = append(s.sources, one)
	}
	return s, nil
}

// HTTPAddr is where HTTP is served; empty: nowhere. The server may be nil.
func (s *Server) HTTPAddr() string {
	if s == nil || s.cfg.HTTP == nil {
		return ""
	}
	return s.cfg.HTTP.Addr().String()
}

// MailAddr is where mail is taken; empty: nowhere. The server may be nil.
func (s *Server) MailAddr() string {
	if s == nil || s.cfg.Mail == nil {
		return ""
	}
	return s.cfg.Mail.Addr().String()
}

// Run serves until ctx ends. It may be called once.
func (s *Server) Run(ctx context.Context) error {
	defer s.lines.End()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	if l := s.cfg.HTTP; l != nil {
		wg.Go(func() { cancel(s.serveHTTP(ctx, l)) })
	}
	if l := s.cfg.Mail; l != nil {
		wg.Go(func() { cancel(s.serveMail(ctx, l)) })
	}
	<-ctx.Done()
	wg.Wait()
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// prepare says of reports whose they are, and makes them fit to be stored.
func (s *Server) prepare(src *source, reports []workgroups.Report) error {
	now := s.cfg.Now()
	for i := range reports {
		r := &reports[i]
		r.Workgroup, r.Source = src.Workgroup, src.Name
		bound(r, now)
		if err := r.Check(); err != nil {
			return at(i, len(reports), err)
		}
	}
	return nil
}

// commit puts reports on the disk.
func (s *Server) commit(ctx context.Context, reports []workgroups.Report) ([]workgroups.Receipt, error) {
	if len(reports) == 0 {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, reportWait)
	defer cancel()
	receipts, err := s.cfg.Reports.Report(ctx, reports...)
	return receipts, stored(err)
}

// refused notes that somebody was refused, in the log as often as is useful.
func (s *Server) refused(src *source, format, from string, status int, why string) {
	s.count(src, format, status)
	who := nobody
	if src != nil {
		who = src.Name
	}
	if s.lines.Take(fmt.Sprintf("%s %s %d", who, format, status)) {
		s.log.Warn("alerts were refused", "source", who, "format", format, "from", from, "status", status, "err", textsafe.Line(why, 300))
	}
}

// nobody is who sent what no source is known by.
const nobody = "nobody"
