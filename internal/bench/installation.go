package bench

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"mellium.im/xmpp/jid"

	"adminbot/agentapi"
	"adminbot/internal/account"
	"adminbot/internal/hostagent"
	"adminbot/internal/link"
	"adminbot/internal/policy"
	"adminbot/internal/site"
	"adminbot/internal/store"
	"adminbot/internal/swarm"
)

// An Installation is a fresh one that is measured: a state directory as
// adminbot up makes it, host accounts, and the embedded server in a process of
// its own.
type Installation struct {
	Program string // the adminbot that is measured
	Addr    string // of the server, for clients
	Hosts   []string

	site   *site.Site
	roots  *x509.CertPool
	secret string // of all host accounts
	server *program
	silent atomic.Pointer[[]string] // hosts that do not answer, sorted
}

// Names of the accounts beside the hosts'.
const (
	adminName = "admin"
	botName   = "adminbot"
	hostsName = "hosts" // names the secret of all hosts
)

// Install makes an installation with so many host accounts and starts its
// server. Close it.
func Install(ctx context.Context, program string, hosts int) (_ *Installation, err error) {
	dir, err := os.MkdirTemp("", "adminbot-bench-")
	if err != nil {
		return nil, err
	}
	in := &Installation{Program: program}
	defer func() {
		if err != nil {
			err = errors.Join(err, in.Close(), os.RemoveAll(dir))
		}
	}()
	if in.site, err = site.Open(filepath.Join(dir, "site"), "", time.Now()); err != nil {
		return nil, err
	}
	pem, err := os.ReadFile(in.site.Path(site.CAFile))
	if err != nil {
		return nil, err
	}
	in.roots = x509.NewCertPool()
	in.roots.AppendCertsFromPEM(pem)
	for i := range hosts {
		in.Hosts = append(in.Hosts, fmt.Sprintf("host%05d", i))
	}
	if err := in.accounts(ctx); err != nil {
		return nil, err
	}
	return in, in.serve(ctx, "127.0.0.1:0")
}

// accounts makes an administrator, a bot and the hosts. The hosts share one
// password, salt included: to derive thousands of keys would take minutes and
// measure nothing.
func (in *Installation) accounts(ctx context.Context) error {
	db, err := store.Open(ctx, in.site.Path(site.Accounts))
	if err != nil {
		return err
	}
	defer db.Close()
	var all []account.Account
	for name, role := range map[string]account.Role{adminName: account.Admin, botName: account.Bot} {
		secret, err := in.site.Secret(name)
		if err != nil {
			return err
		}
		a, err := account.New(name, role, secret)
		if err != nil {
			return err
		}
		all = append(all, a)
	}
	if in.secret, err = in.site.Secret(hostsName); err != nil {
		return err
	}
	host, err := account.New(hostsName, account.Host, in.secret)
	if err != nil {
		return err
	}
	for _, name := range in.Hosts {
		host.Name = name
		all = append(all, host)
	}
	return db.AddAccounts(ctx, all)
}

// serve starts the server.
func (in *Installation) serve(ctx context.Context, listen string) error {
	if _, err := in.site.Certificate(time.Now()); err != nil { // makes the file
		return err
	}
	config := in.site.Path("server.toml")
	text := fmt.Sprintf("state = %q\n[server]\ndomain = %q\nlisten = %q\ncertificate = %q\nkey = %q\nplain_loopback = true\n",
		in.site.Dir, in.site.Domain, listen, site.CertFile, site.CertFile)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return err
	}
	var line string
	var err error
	if in.server, line, err = start(ctx, in.Program, "serving ", "server", "--config", config); err != nil {
		return err
	}
	in.Addr = line[strings.LastIndexByte(line, ' ')+1:]
	return in.site.Publish(site.Access{
		Domain: in.site.Domain, C2S: in.Addr, CAFile: site.CAFile, Bot: botName + "@" + in.site.Domain,
		Accounts: []site.Account{{JID: adminName + "@" + in.site.Domain, Role: string(account.Admin), PasswordFile: site.SecretFile(adminName)}},
	})
}

// Restart stops the server and starts it again at the same address.
func (in *Installation) Restart(ctx context.Context) error {
	if err := in.server.stop(); err != nil {
		return err
	}
	return in.serve(ctx, in.Addr)
}

// Close stops the server and removes the directory.
func (in *Installation) Close() error {
	var errs []error
	if in.server != nil {
		errs = append(errs, in.server.stop())
	}
	if in.site != nil {
		errs = append(errs, in.site.Close(), os.RemoveAll(filepath.Dir(in.site.Dir)))
	}
	return errors.Join(errs...)
}

// Swarm makes lean agents for all hosts.
func (in *Installation) Swarm() (*swarm.Swarm, error) {
	rules, err := policy.Load(in.site.Path(site.HostPolicy))
	if err != nil {
		return nil, err
	}
	return swarm.New(swarm.Config{
		Names: in.Hosts, Link: in.link, Silent: in.isSilent,
		Agent: hostagent.Config{StateDir: in.site.HostState(hostsName), Policy: rules, Demo: true},
	})
}

// silence makes the last so many hosts silent.
func (in *Installation) silence(n int) []string {
	quiet := in.Hosts[len(in.Hosts)-n:]
	in.silent.Store(&quiet)
	return quiet
}

func (in *Installation) isSilent(name string) bool {
	quiet := in.silent.Load()
	if quiet == nil {
		return false
	}
	_, found := slices.BinarySearch(*quiet, name)
	return found
}

// usages is what the server and this process, in which the hosts are, have used.
func (in *Installation) usages() (server, hosts usage, err error) {
	if server, err = in.server.usage(); err == nil {
		hosts, err = usageOf(os.Getpid())
	}
	return server, hosts, err
}

// link is how a host logs in.
func (in *Installation) link(name string) link.Config {
	return link.Config{
		JID: jid.MustParse(name + "@" + in.site.Domain + "/" + agentapi.Resource), Addr: in.Addr,
		Password: func() (string, error) { return in.secret, nil }, TLS: &tls.Config{RootCAs: in.roots},
	}
}
