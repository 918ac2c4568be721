package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// Intake configures where the alert service takes alerts from other systems in.
type Intake struct {
	Listen      string   `toml:"listen" comment:"HTTP address: POST /alertmanager, /grafana, /icinga, /nagios, /generic; GET /metrics. Empty: none."`
	Certificate string   `toml:"certificate" comment:"PEM file: certificate chain, for HTTPS."`
	Key         string   `toml:"key" comment:"PEM file: its key (0600)."`
	Plain       bool     `toml:"plain" comment:"HTTP without TLS on an address that others reach: tokens can be read on the way."`
	Proxies     []string `toml:"proxies" comment:"Addresses, or networks, of reverse proxies on other machines: their X-Forwarded-For is believed.\nThat of a proxy on this machine is in any case."`
	Mail        string   `toml:"mail" comment:"SMTP address, for the mail server of this machine. Empty: none."`
	MailDomains []string `toml:"mail_domains" comment:"Domains that mail is taken for. Empty: any."`
	Source      []Source `toml:"source" comment:"Who may raise alerts (docs/alerts.md)."`
}

// Source is a system that may raise alerts.
type Source struct {
	Name      string  `toml:"name" comment:"Alerts are said to come from this."`
	Workgroup string  `toml:"workgroup" comment:"Where its alerts wait. Empty: the only one, or the one called alerts."`
	TokenFile string  `toml:"token_file" comment:"A file with its token alone (0600), at least 16 characters. Sent as bearer token,\npassword of basic authentication, or ?token=."`
	MailKey   string  `toml:"mail_key" comment:"It may also mail, to KEY@DOMAIN or KEY+DEDUP@DOMAIN."`
	Rate      float64 `toml:"rate" comment:"Requests and mails a second, in the long run."`
}

// DefaultRate is how much a source may send that says nothing else.
const DefaultRate = 5000

func (c *Intake) check() error {
	switch {
	case (c.Certificate == "") != (c.Key == ""):
		return errors.New("intake.certificate and intake.key go together")
	case c.Listen != "" && c.Certificate == "" && !c.Plain && !loopback(c.Listen):
		return fmt.Errorf("intake.listen %s can be reached by others: tokens would be sent in the clear\nhint: intake.certificate and intake.key, or a reverse proxy and 127.0.0.1, or plain = true", c.Listen)
	case c.Mail != "" && !loopback(c.Mail):
		return fmt.Errorf("intake.mail %s can be reached by others: anybody could raise alerts\nhint: let the mail server of this machine take mail, and hand it to 127.0.0.1", c.Mail)
	case (c.Listen != "" || c.Mail != "") && len(c.Source) == 0:
		return errors.New("nobody may raise alerts\nhint: [[intake.source]]")
	}
	if _, err := c.Trusted(); err != nil {
		return err
	}
	for _, s := range c.Source {
		switch {
		case s.Name == "":
			return errors.New("an intake.source has no name")
		case s.TokenFile == "" && s.MailKey == "":
			return fmt.Errorf("intake.source %s has no token_file and no mail_key", s.Name)
		case s.Rate < 0:
			return fmt.Errorf("intake.source %s: rate is %v", s.Name, s.Rate)
		case strings.ContainsAny(s.MailKey, "+@ "):
			return fmt.Errorf("intake.source %s: mail_key %q cannot be before the + of an address", s.Name, s.MailKey)
		}
	}
	return nil
}

// Trusted are the addresses of the proxies.
func (c *Intake) Trusted() ([]netip.Prefix, error) {
	var all []netip.Prefix
	for _, text := range c.Proxies {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			a, err := netip.ParseAddr(text)
			if err != nil {
				return nil, fmt.Errorf("intake.proxies: %q is neither an address nor a network\nhint: 192.0.2.7 or 192.0.2.0/24", text)
			}
			p = netip.PrefixFrom(a, a.BitLen())
		}
		all = append(all, p)
	}
	return all, nil
}

// loopback reports whether an address is of this machine alone.
func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
