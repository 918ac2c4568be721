// Package config is the one configuration file of AdminBot: TOML, one struct
// for all daemons, each reading its own table.
//
// [Load] reads and checks a file, [Describe] prints the annotated example from
// the same struct. Secrets are never in the file: it names files that hold
// them, and [Account.Secret] refuses those that others can read.
package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"mellium.im/xmpp/jid"

	"adminbot/internal/account"
)

// Config is a whole file. Paths in it are relative to the file's directory;
// Load makes them absolute.
type Config struct {
	State   string  `toml:"state" comment:"Where state lives that must survive: audit, journal, accounts. One directory a daemon."`
	Account Account `toml:"account" comment:"The XMPP account this daemon or command logs in with."`
	Bot     Bot     `toml:"bot" comment:"adminbot bot: the one people talk to."`
	Agent   Agent   `toml:"agent" comment:"adminbot agent: what runs on a managed host. Its account is NAME@DOMAIN/agent."`
	Server  Server  `toml:"server" comment:"adminbot server: the embedded XMPP server. Leave it out with Prosody or ejabberd."`

	Workgroups Workgroups `toml:"workgroups" comment:"adminbot workgroups: alerts wait here until somebody takes them."`
	Intake     Intake     `toml:"intake" comment:"adminbot workgroups: where alerts come in from other systems."`
}

// Account says how to log in to an XMPP server.
type Account struct {
	JID          string `toml:"jid" comment:"For a host agent the resource must be \"agent\": callers address it by name."`
	PasswordFile string `toml:"password_file" comment:"A file with the password alone, readable by its owner only (0600).\nWith $CREDENTIALS_DIRECTORY (systemd LoadCredential=) a bare name is looked up there first."`
	Address      string `toml:"address" comment:"host:port to connect to. Empty: the domain's SRV records, then its port 5222."`
	DirectTLS    bool   `toml:"direct_tls" comment:"TLS from the first byte (usually port 5223) instead of STARTTLS; only with address."`
	CAFile       string `toml:"ca_file" comment:"PEM file of the authority that signed the server's certificate. Empty: the system's."`
	Bot          string `toml:"bot" comment:"For adminbot say and adminbot rpc: the bot of the installation."`
}

// Bot configures the bot.
type Bot struct {
	Policy     string              `toml:"policy" comment:"Who may do what (TOML). Without it nobody may do anything."`
	Admins     []string            `toml:"admins" comment:"Bare JIDs: they may confirm class A, and their word counts where an administrator is needed."`
	HostGroup  string              `toml:"host_group" comment:"The roster group whose contacts are hosts."`
	Vocabulary []string            `toml:"vocabulary" comment:"Files with this site's own words: alias frobnicate = restart, and more (docs/language.md)."`
	SecondOver int                 `toml:"second_over" comment:"Disruptive work on more hosts than this needs a second person."`
	Groups     map[string][]string `toml:"groups" comment:"Host groups by name: each a list of host names or globs."`
}

// Agent configures a host agent.
type Agent struct {
	Policy  string            `toml:"policy" comment:"What callers may do on this host (TOML). Without it the bots below may read and nothing else."`
	Bots    []string          `toml:"bots" comment:"Bare JIDs that may call at all when there is no policy file."`
	InitDir string            `toml:"init_dir" comment:"Where init scripts are on hosts without systemd."`
	Clean   []string          `toml:"clean" comment:"Directories below which disk.clean may delete old files; without any it deletes nothing."`
	Facts   map[string]string `toml:"facts" comment:"Facts of this host that selectors can use, e.g. role = \"web\"."`
}

// Server configures the embedded server.
type Server struct {
	Domain        string            `toml:"domain"`
	Listen        string            `toml:"listen" comment:"STARTTLS address for clients."`
	ListenTLS     string            `toml:"listen_tls" comment:"Direct TLS address for clients; empty: none."`
	Component     string            `toml:"component" comment:"XEP-0114 address; keep it on loopback, it has no TLS. Empty: none."`
	Certificate   string            `toml:"certificate" comment:"PEM file: certificate chain."`
	Key           string            `toml:"key" comment:"PEM file: its key (0600)."`
	PlainLoopback bool              `toml:"plain_loopback" comment:"Admit logins without TLS from this machine."`
	Components    map[string]string `toml:"components" comment:"Component domains and the files that hold their secrets."`
	Rooms         string            `toml:"rooms" comment:"Domain of chat rooms; empty: conference.DOMAIN; none: there are no rooms."`
	RoomMakers    []account.Role    `toml:"room_makers" comment:"Roles whose accounts may make rooms; components always may."`
}

// Default is the configuration before a file is read.
func Default() Config {
	return Config{
		State: "/var/lib/adminbot",
		Bot:   Bot{HostGroup: "Hosts", SecondOver: 10},
		Agent: Agent{InitDir: "/etc/init.d"},
		Server: Server{
			Listen:     "127.0.0.1:5222",
			RoomMakers: []account.Role{account.Admin, account.User, account.Host, account.Bot},
		},
	}
}

// Load reads and checks the file at path. Unknown keys are errors: a misspelt
// key must not be a silent default.
func Load(path string) (Config, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return Config{}, fmt.Errorf("config: %w", err)
	}
	c := Default()
	dec := toml.NewDecoder(bytes.NewReader(data)).DisallowUnknownFields()
	if err := dec.Decode(&c); err != nil {
		return Config{}, fmt.Errorf("config: %s: %w", path, explain(err))
	}
	if err := c.check(); err != nil {
		return Config{}, fmt.Errorf("config: %s: %w", path, err)
	}
	dir, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return Config{}, fmt.Errorf("config: %w", err)
	}
	for _, p := range []*string{&c.State, &c.Account.CAFile, &c.Account.PasswordFile, &c.Bot.Policy, &c.Agent.Policy, &c.Agent.InitDir, &c.Server.Certificate, &c.Server.Key, &c.Workgroups.SecretFile, &c.Workgroups.Policy, &c.Intake.Certificate, &c.Intake.Key} {
		*p = within(dir, *p)
	}
	for i, p := range c.Bot.Vocabulary {
		c.Bot.Vocabulary[i] = within(dir, p)
	}
	for i, p := range c.Agent.Clean {
		c.Agent.Clean[i] = within(dir, p)
	}
	for i, s := range c.Intake.Source {
		c.Intake.Source[i].TokenFile = within(dir, s.TokenFile)
	}
	for name, p := range c.Server.Components {
		c.Server.Components[name] = within(dir, p)
	}
	return c, nil
}

func within(dir, path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

// explain turns the parser's errors into a line and what is wrong there.
func explain(err error) error {
	var strict *toml.StrictMissingError
	if errors.As(err, &strict) && len(strict.Errors) > 0 {
		row, _ := strict.Errors[0].Position()
		return fmt.Errorf("line %d: unknown key %q\nhint: adminbot config describe prints every key", row, strings.Join(strict.Errors[0].Key(), "."))
	}
	var decode *toml.DecodeError
	if errors.As(err, &decode) {
		row, col := decode.Position()
		return fmt.Errorf("line %d, column %d: %w", row, col, err)
	}
	return err
}

func (c Config) check() error {
	for _, a := range append([]string{c.Account.JID}, append(c.Bot.Admins, c.Agent.Bots...)...) {
		if a == "" {
			continue
		}
		if _, err := jid.Parse(a); err != nil {
			return fmt.Errorf("%q is not a JID: %w", a, err)
		}
	}
	if c.Bot.SecondOver < 1 {
		return fmt.Errorf("bot.second_over is %d, must be at least 1", c.Bot.SecondOver)
	}
	for _, r := range c.Server.RoomMakers {
		if !r.Valid() {
			return fmt.Errorf("server.room_makers: %q is no role\nhint: admin, user, host, bot", r)
		}
	}
	if _, err := c.Workgroups.RoomSetup(); err != nil {
		return err
	}
	if len(c.Workgroups.Group) > 0 {
		if _, err := c.Workgroups.Workgroups(); err != nil {
			return err
		}
	}
	if err := c.Intake.check(); err != nil {
		return err
	}
	if c.Account.DirectTLS && c.Account.Address == "" {
		return errors.New("account.direct_tls needs account.address (SRV records say themselves what a port speaks)")
	}
	return nil
}

// Describe writes the annotated example: every key, its default and what it is for.
func Describe(w io.Writer) error {
	c := Default()
	c.Account = Account{JID: "adminbot@example.net", PasswordFile: "password"}
	c.Bot.Policy = "policy.toml"
	c.Bot.Admins = []string{"alice@example.net"}
	c.Bot.Vocabulary = []string{"words.txt"}
	c.Bot.Groups = map[string][]string{"frontends": {"web*", "lb01"}}
	c.Agent.Policy = "policy.toml"
	c.Agent.Bots = []string{"adminbot@example.net"}
	c.Agent.Facts = map[string]string{"role": "web", "env": "prod"}
	c.Server.Domain = "example.net"
	c.Server.ListenTLS = "127.0.0.1:5223"
	c.Server.Component = "127.0.0.1:5347"
	c.Server.Rooms = "conference.example.net"
	c.Server.Certificate, c.Server.Key = "server.pem", "server.key"
	c.Workgroups = Workgroups{Domain: "workgroup.example.net", Component: "127.0.0.1:5347", SecretFile: "secrets/workgroup", Policy: "policy-workgroup.toml", RoomMinutes: 60, RoomDays: 30, Bot: "adminbot@example.net"}
	c.Workgroups.Group = []Workgroup{{Name: "alerts", Title: "On call", Members: []Member{{JID: "alice@example.net"}, {JID: "bob@example.net", Max: 5, Skills: []string{"role=db"}}}}}
	c.Workgroups.Group[0].setDefaults()
	c.Intake = Intake{Listen: "127.0.0.1:8642", Mail: "127.0.0.1:2525", MailDomains: []string{"alerts.example.net"}}
	c.Intake.Source = []Source{{Name: "prometheus", Workgroup: "alerts", TokenFile: "secrets/prometheus", Rate: DefaultRate}, {Name: "nagios", Workgroup: "alerts", TokenFile: "secrets/nagios", MailKey: "oncall", Rate: DefaultRate}}
	describeOnCall(&c.Workgroups)
	c.Server.Components = map[string]string{"workgroup.example.net": "secrets/workgroup"}
	return toml.NewEncoder(w).Encode(c)
}
