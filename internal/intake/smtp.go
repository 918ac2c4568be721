package intake

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-smtp"
	"golang.org/x/net/netutil"

	"adminbot/internal/textsafe"
	"adminbot/workgroups"
)

// Limits of mail.
const (
	maxMail       = 1 << 20 // bytes
	maxRecipients = 20
	maxMailConns  = 64
	mailWait      = time.Minute // for the next line
)

func (s *Server) serveMail(ctx context.Context, l net.Listener) error {
	srv := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		return &mailSession{ctx: ctx, server: s, from: c.Conn().RemoteAddr().String()}, nil
	}))
	srv.Domain = "adminbot"
	if len(s.cfg.MailDomains) > 0 {
		srv.Domain = s.cfg.MailDomains[0]
	}
	srv.MaxRecipients, srv.MaxMessageBytes = maxRecipients, maxMail
	srv.ReadTimeout, srv.WriteTimeout = mailWait, mailWait
	srv.EnableSMTPUTF8 = true
	srv.ErrorLog = slog.NewLogLogger(s.log.Handler(), slog.LevelDebug)
	if err := serveUntil(ctx, srv, netutil.LimitListener(l, maxMailConns)); err != nil {
		return fmt.Errorf("intake: mail: %w", err)
	}
	return nil
}

// A mailSession is one connection of a mail server. Its methods are called one
// after the other.
type mailSession struct {
	ctx    context.Context // of the server: go-smtp hands none over
	server *Server
	from   string // address of the peer
	to     []recipient
}

// A recipient of a mail: a source, and what its alerts are to be the same by.
type recipient struct {
	source *source
	dedup  string
}

// Reset forgets the mail that was begun.
func (m *mailSession) Reset() { m.to = nil }

// Logout ends the session.
func (m *mailSession) Logout() error { return nil }

// Mail begins a mail, of anybody: the mail server in front says whose it takes.
func (m *mailSession) Mail(string, *smtp.MailOptions) error { return nil }

// Rcpt names a recipient, KEY@DOMAIN or KEY+DEDUP@DOMAIN.
func (m *mailSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	r, err := m.server.byMail(to)
	if err == nil {
		if wait := r.source.wait(m.server.cfg.Now()); wait > 0 {
			err = &lateError{wait, http.StatusTooManyRequests, fmt.Sprintf("%s sends too much: %v mails a second are allowed", r.source.Name, r.source.Rate)}
		}
	}
	if err != nil {
		return m.refuse(err)
	}
	if !slices.Contains(m.to, r) {
		m.to = append(m.to, r)
	}
	return nil
}

// Data takes a mail in, for all its recipients or for none.
func (m *mailSession) Data(r io.Reader) error {
	body, err := io.ReadAll(r)
	if err != nil {
		return err // of go-smtp: too large, or the connection is gone
	}
	var all []workgroups.Report
	for _, to := range m.to {
		reports, err := readMail(body, to.dedup)
		if err == nil {
			err = m.server.prepare(to.source, reports)
		}
		if err != nil {
			return m.refuse(err)
		}
		all = append(all, reports...)
	}
	receipts, err := m.server.commit(m.ctx, all)
	if err != nil {
		return m.refuse(err)
	}
	m.server.count(m.to[0].source, "mail", http.StatusOK, receipts...)
	return nil
}

// refuse tells the mail server why, and whether to try again.
func (m *mailSession) refuse(err error) error {
	status, text := explain(err)
	m.server.refused(nil, "mail", m.from, status, text)
	text = strings.Join(strings.Fields(text), " ")
	switch {
	case errors.As(err, new(*lateError)):
		return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: text}
	case status == http.StatusNotFound:
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: text}
	}
	return &smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 6, 0}, Message: text}
}

// byMail finds the source that an address belongs to.
func (s *Server) byMail(address string) (recipient, error) {
	local, domain, ok := strings.Cut(address, "@")
	key, dedup, _ := strings.Cut(local, "+")
	if ok && (len(s.cfg.MailDomains) == 0 || slices.ContainsFunc(s.cfg.MailDomains, func(d string) bool { return strings.EqualFold(d, domain) })) {
		for _, src := range s.sources {
			if src.Mail != "" && strings.EqualFold(src.Mail, key) {
				return recipient{src, dedup}, nil
			}
		}
	}
	return recipient{}, refusal(http.StatusNotFound, "nobody is called %s here", textsafe.Line(address, 100))
}
