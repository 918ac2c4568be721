package intake

import (
	"fmt"
	"net"
	"net/smtp"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// openMail starts a site that takes mail for alerts.example.org.
func openMail(t *testing.T) *site {
	return open(t, func(c *Config) {
		var err error
		if c.Mail, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
		c.MailDomains = []string{"alerts.example.org"}
	})
}

// mail sends one, and returns the code of the refusal, if it is refused.
func (s *site) mail(body string, to ...string) (code int, why string) {
	s.t.Helper()
	body = strings.ReplaceAll(strings.ReplaceAll(body, "\r", ""), "\n", "\r\n")
	err := smtp.SendMail(s.server.MailAddr(), nil, "nagios@mon.example.org", to, []byte(body))
	if err == nil {
		return 250, ""
	}
	smtpErr, ok := err.(*textproto.Error)
	if !ok {
		s.t.Fatal(err)
	}
	return smtpErr.Code, smtpErr.Msg
}

func (s *site) mails(body string, to ...string) {
	s.t.Helper()
	if code, why := s.mail(body, to...); code != 250 {
		s.t.Errorf("%s: %d %s", body, code, why)
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	body, err := os.ReadFile(filepath.Join("testdata", "mail", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// TestMail sends the mails of Nagios and of Icinga, and the ones that end what
// they began.
func TestMail(t *testing.T) {
	s := openMail(t)
	host, service := read(t, "nagios__host-problem.eml"), read(t, "icinga2__service-problem.eml")
	s.mails(host, "oncall@alerts.example.org")
	s.mails(service, "oncall@alerts.example.org")
	s.mails(service, "oncall@alerts.example.org")
	s.mails("Subject: the roof leaks\n\nsince yesterday\n", "OnCall+roof@alerts.example.org", "oncall+roof@alerts.example.org")
	s.expect(
		`1 alerts critical "web01 is DOWN: PING CRITICAL - Packet loss = 100%" web01 ×1`,
		`2 alerts critical "disk is CRITICAL: DISK CRITICAL - free space: / 120 MB (1%)" web01 ×2`,
		`3 alerts warning "the roof leaks"  ×1`,
	)
	s.mails(strings.NewReplacer("PROBLEM", "RECOVERY", "DOWN", "UP").Replace(host), "oncall@alerts.example.org")
	s.mails(strings.NewReplacer("PROBLEM", "RECOVERY", "is CRITICAL", "is OK").Replace(service), "oncall@alerts.example.org")
	s.mails(strings.ReplaceAll(host, "PROBLEM", "ACKNOWLEDGEMENT"), "oncall@alerts.example.org")
	s.mails("Subject: [RESOLVED] the roof does not leak\n\n", "oncall+roof@alerts.example.org")
	s.expect()
}

func TestMailRefused(t *testing.T) {
	s := openMail(t)
	const good = "Subject: one\n\nbody\n"
	tests := []struct {
		name, body string
		to         []string
		want       int
	}{
		{"unknown", good, []string{"nobody@alerts.example.org"}, 550},
		{"of another domain", good, []string{"oncall@example.org"}, 550},
		{"one of two", good, []string{"oncall@alerts.example.org", "nobody@alerts.example.org"}, 550},
		{"nothing in it", "Subject: \n\n", []string{"oncall@alerts.example.org"}, 554},
		{"no mail", "this is: no\nmail at all\n", []string{"oncall@alerts.example.org"}, 554},
		{"large", good + strings.Repeat(strings.Repeat("x", 99)+"\n", maxMail/100), []string{"oncall@alerts.example.org"}, 552},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if code, why := s.mail(tt.body, tt.to...); code != tt.want {
				t.Errorf("%d %s, want %d", code, why, tt.want)
			}
		})
	}
	s.expect()
	s.store.broken.Store(true)
	if code, why := s.mail(good, "oncall@alerts.example.org"); code != 451 {
		t.Errorf("while the store fails: %d %s", code, why)
	}
	s.mend()
	s.expect()
	s.mails(good, "oncall@alerts.example.org")
	s.expect(`1 alerts warning "one"  ×1`)
}

// nested is the head of parts in each other.
func nested(depth int) string {
	var b strings.Builder
	for i := range depth {
		fmt.Fprintf(&b, "Content-Type: multipart/mixed; boundary=b%d\n\n--b%[1]d\n", i)
	}
	return b.String()
}

func TestReadMail(t *testing.T) {
	tests := []struct{ name, body, want string }{
		{"encoded", "Subject: =?ISO-8859-1?Q?Gr=F6=DFe?=\nContent-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\nZ=FCrich\n",
			"warning \"Größe\"\n  | Zürich\n"},
		{"letters nobody knows", "Subject: =?x-none?Q?a?=\nContent-Type: text/plain; charset=x-none\n\nb\n", "warning \"=?x-none?Q?a?=\"\n  | b\n"},
		{"HTML alone", "Subject: s\nContent-Type: text/html\n\n<style>p {}</style><p>one &amp; <b>two</b></p><script>x</script>three",
			"warning \"s\"\n  | one &\n  | two\n  | three\n"},
		{"text and HTML", "Subject: s\nContent-Type: multipart/alternative; boundary=x\n\n--x\nContent-Type: text/html\n\n<p>page</p>\n--x\nContent-Type: text/plain\n\ntext\n--x--\n",
			"warning \"s\"\n  | text\n"},
		{"with an attachment", "Subject: s\nContent-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: text/plain\nContent-Disposition: attachment\n\nfile\n--x\n\ntext\n--x--\n",
			"warning \"s\"\n  | text\n"},
		{"no subject", "From: a@example.org\n\nthe roof leaks\nbadly\n", "warning \"the roof leaks\"\n  | badly\n"},
		{"folded", "Subject: a long\n  subject\n\n", "warning \"a long subject\"\n"},
		{"no end", "Subject: s\nContent-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: text/plain\n\ntext\n", "warning \"s\"\n  | text\n"},
		{"a part that cannot be read", "Subject: s\nContent-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: text/plain\nContent-Transfer-Encoding: base64\n\n!!!!\n--x\nContent-Type: text/html\n\n<p>page</p>\n--x--\n",
			"warning \"s\"\n  | page\n"},
		{"nested", "Subject: s\n" + nested(3) + "\ntext\n", "warning \"s\"\n  | text\n"},
		{"nested too deep", "Subject: s\n" + nested(9000) + "\ntext\n", "warning \"s\"\n"}, // it had taken half a minute
		{"dangerous", "Subject: \x1b[31mred\n\n\x1b]0;title\x07text\n", "warning \"red\"\n  | text\n"},
		{"a service of Nagios", "Subject: ** PROBLEM Service Alert: web01/Disk is WARNING **\n\n***** Nagios *****\n\nNotification Type: PROBLEM\n\nService: Disk\nHost: web01\nAddress: 192.0.2.10\nState: WARNING\n\nDate/Time: now\n\nAdditional Info:\n\nDISK WARNING - 8%\nmore\n",
			"warning \"Disk is WARNING: DISK WARNING - 8%\"\n  host web01\n  fingerprint web01/Disk\n  service=\"Disk\"\n  | DISK WARNING - 8%\n  | more\n  | address: 192.0.2.10\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := describe(readMail([]byte(strings.ReplaceAll(tt.body, "\n", "\r\n")), ""))
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func FuzzMail(f *testing.F) {
	for _, name := range []string{"nagios__host-problem.eml", "icinga2__service-problem.eml"} {
		body, err := os.ReadFile(filepath.Join("testdata", "mail", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
	}
	f.Add([]byte("Subject: =?utf-8?B?w6Q=?=\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: text/html; charset=x-none\r\n\r\n<p>\r\n--x--\r\n"))
	f.Fuzz(func(t *testing.T, body []byte) {
		reports, err := readMail(body, "")
		if err != nil {
			return
		}
		for _, r := range reports {
			r.Workgroup = "alerts"
			bound(&r, testNow)
			if err := r.Check(); err != nil && r.Summary != "" {
				t.Error(err)
			}
		}
	})
}
