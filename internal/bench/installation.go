package bench

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"adminbot/agentapi"
	"adminbot/internal/account"
	"adminbot/internal/hostagent"
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

	component string // where the server takes the alert service; empty: nowhere

	users  []string
	site   *site.Site
	secret string // of all accounts but the administrator's
	server *program
	silent atomic.Pointer[[]string] // hosts that do not answer, sorted
}

// Names of the accounts beside the hosts'.
const (
	adminName   = "admin"
	botName     = "adminbot"
	serviceName = "workgroup" // of the alert service: its domain's first label, and its secret

	somePeople = 32

	salt       = "sixteen bytes of"
	iterations = 4096 // the least that SCRAM allows
)

// Install makes an installation with so many host accounts and starts its
// server. Close it.
func Install(ctx context.Context, program string, hosts int) (*Installation, error) {
	return install(ctx, program, hosts, "")
}

// install makes an installation whose server takes the alert service at an
// address; empty: nowhere.
func install(ctx context.Context, program string, hosts int, component string) (_ *Installation, err error) {
	dir, err := os.MkdirTemp("", "adminbot-bench-")
	if err != nil {
		return nil, err
	}
	in := &Installation{Program: program, component: component}
	defer func() {
		if err != nil {
			err = errors.Join(err, in.Close(), os.RemoveAll(dir))
		}
	}()
	if in.site, err = site.Open(filepath.Join(dir, "site"), "", time.Now()); err != nil {
		return nil, err
	}
	for i := range hosts {
		in.Hosts = append(in.Hosts, fmt.Sprintf("host%05d", i))
	}
	for i := range somePeople {
		in.users = append(in.users, fmt.Sprintf("user%02d", i))
	}
	if err := in.accounts(ctx); err != nil {
		return nil, err
	}
	return in, in.serve(ctx, "127.0.0.1:0")
}

// accounts makes an administrator, the bot, people and the hosts. All but the
// administrator share one password, salt included: to derive thousands of keys
// would take minutes and measure nothing.
func (in *Installation) accounts(ctx context.Context) error {
	db, err := store.Open(ctx, in.site.Path(site.Accounts))
	if err != nil {
		return err
	}
	defer db.Close()
	secret, err := in.site.Secret(adminName)
	if err != nil {
		return err
	}
	admin, err := account.New(adminName, account.Admin, secret)
	if err != nil {
		return err
	}
	if in.secret, err = in.site.Secret(botName); err != nil {
		return err
	}
	shared := account.Account{Name: botName, Role: account.Bot, Created: time.Now()}
	var err1, err2 error
	shared.SHA1, err1 = account.NewCredential(sha1.New, in.secret, []byte(salt), iterations)
	shared.SHA256, err2 = account.NewCredential(sha256.New, in.secret, []byte(salt), iterations)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	all := []account.Account{admin, shared}
	add := func(names []string, role account.Role) {
		for _, name := range names {
			shared.Name, shared.Role = name, role
			all = append(all, shared)
		}
	}
	add(in.Hosts, account.Host)
	add(in.users, account.User)
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
	if in.component != "" {
		if _, err := in.site.Secret(serviceName); err != nil { // makes the file
			return err
		}
		text += fmt.Sprintf("component = %q\n[server.components]\n%q = %q\n", in.component, in.serviceDomain(), site.SecretFile(serviceName))
	}
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

// serviceDomain is that of the alert service.
func (in *Installation) serviceDomain() string { return serviceName + "." + in.site.Domain }

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
	login, err := in.Target().login(agentapi.Resource)
	if err != nil {
		return nil, err
	}
	return swarm.New(swarm.Config{
		Names: in.Hosts, Link: login, Silent: in.isSilent,
		Agent: hostagent.Config{StateDir: in.site.HostState("swarm"), Policy: rules, Demo: true},
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
		hosts, err = selfUsage()
	}
	return server, hosts, err
}

// Target is the server as a target.
func (in *Installation) Target() Target {
	return Target{
		Server: "embedded", Domain: in.site.Domain, Address: in.Addr, CAFile: in.site.Path(site.CAFile), Password: in.secret,
		Bot: botName, Users: in.users, Hosts: in.Hosts, PID: in.server.cmd.Process.Pid,
	}
}
