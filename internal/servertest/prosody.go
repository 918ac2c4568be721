package servertest

import (
	"crypto/sha1"
	"crypto/sha256"
	"fmt"
	"hash"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"adminbot/docs"
	"adminbot/internal/account"
)

// shippedProsody is the configuration that the package brings.
const shippedProsody = "/etc/prosody/prosody.cfg.lua"

// fewContacts is up to how many accounts the groups file says who sees whom.
const fewContacts = 100

// prosody is a Prosody process.
type prosody struct {
	process
	s    *Server
	hash func() hash.Hash // of the stored passwords
}

// StartProsody starts a Prosody and waits until it listens.
func StartProsody(t testing.TB, o Options) *Server {
	t.Helper()
	if _, err := exec.LookPath("prosody"); err != nil {
		t.Fatal("servertest: prosody is not installed: apt-get install prosody")
	}
	shipped, err := os.ReadFile(shippedProsody)
	if err != nil {
		t.Fatalf("servertest: %v\nhint: as root, or reinstall the package prosody", err)
	}
	s := prepare(t, "prosody", &o)
	p := &prosody{s: s, hash: sha256.New}
	if o.Limits == Shipped {
		p.hash = sha1.New
	}
	if err := p.add(t, withRoles(o.Accounts)); err != nil {
		t.Fatal(err)
	}
	p.contacts(t, withRoles(o.Accounts))
	return s.launch(t, p, 3, func(ports []int) {
		s.Addr, s.DirectTLS, s.Component = loopback(ports[0]), loopback(ports[1]), loopback(ports[2])
		before, after, ok := strings.Cut(string(shipped), "\nVirtualHost \"localhost\"\n")
		if !ok {
			t.Fatalf("servertest: %s is not as Debian ships it", shippedProsody)
		}
		before = overridden.ReplaceAllString(before, "")
		s.write(t, "prosody.cfg.lua", []byte(before+p.here(ports, o)+"\nVirtualHost \"localhost\"\n"+after))
		s.write(t, "conf.d/adminbot.cfg.lua", []byte(p.site(t, o)))
	})
}

// overridden are the options of the shipped configuration that here sets anew:
// Prosody does not take an option twice in a file whose path has a "-".
var overridden = regexp.MustCompile(`(?m)^(pidfile|certificates) = .*\n|^(?s:(log|modules_disabled) = \{\n.*?\n\}\n)`)

// here is what differs on every machine: addresses, paths, certificate.
func (p *prosody) here(ports []int, o Options) string {
	var b strings.Builder
	fmt.Fprintf(&b, `
pidfile = %q
certificates = %q
data_path = %q
run_as_root = true
interfaces = { "127.0.0.1" }
local_interfaces = { "127.0.0.1" }
c2s_ports = { %d }
c2s_direct_tls_ports = { %d }
component_ports = { %d }
s2s_ports = { }
ssl = { certificate = %q; key = %q }
log = { info = "*console" }
`, p.file("prosody.pid"), p.s.Dir, p.file("data"), ports[0], ports[1], ports[2], p.file("cert.pem"), p.file("key.pem"))
	if o.Limits == Unlimited {
		b.WriteString("modules_disabled = { \"limits\" }\n")
	}
	if o.NoTLS {
		b.WriteString("c2s_require_encryption = false\nallow_unencrypted_plain_auth = true\n")
	}
	if o.Resume > 0 {
		fmt.Fprintf(&b, "smacks_hibernation_time = %d\n", int(o.Resume.Seconds()))
	}
	return b.String()
}

// site is what docs/prosody.md tells an administrator to add.
func (p *prosody) site(t testing.TB, o Options) string {
	const file = "-- /etc/prosody/conf.d/adminbot.cfg.lua"
	text := block(t, docs.Prosody, file) + block(t, docs.Prosody, file+", at its end") + block(t, docs.Prosody, file+", for rooms")
	limits := block(t, docs.Prosody, file+", above VirtualHost")
	switch o.Limits {
	case Recommended:
		if o.Resume > 0 {
			limits = hibernation.ReplaceAllString(limits, "")
		}
		text = limits + text
	case Unlimited:
		text = "password_hash = \"SHA-256\"\nnetwork_settings = { nagle = false }\n" + text
	}
	return strings.NewReplacer(
		"adminbot@example.net", botOf(o.Accounts)+"@"+o.Domain,
		"example.net", o.Domain,
		"/etc/prosody/adminbot-groups.txt", p.file("groups.txt"),
		"a long random secret", p.s.Secret,
	).Replace(text)
}

var hibernation = regexp.MustCompile(`(?m)^smacks_hibernation_time = .*\n`)

// contacts writes who sees whom: with few accounts into the groups file, with
// many into the contact lists of the bot and of the people.
func (p *prosody) contacts(t testing.TB, all []Account) {
	groups := map[string][]string{}
	for _, a := range all {
		groups[groupOf(a.Role)] = append(groups[groupOf(a.Role)], a.Name)
	}
	many := len(all) > fewContacts
	var file strings.Builder
	for _, group := range groupNames {
		if group == "Hosts" && many {
			continue
		}
		fmt.Fprintf(&file, "[+%s]\n", group)
		for _, name := range groups[group] {
			fmt.Fprintf(&file, "%s@%s=%s\n", name, p.s.Domain, name)
		}
	}
	p.s.write(t, "groups.txt", []byte(file.String()))
	if !many {
		return
	}
	var list strings.Builder
	list.WriteString("return {\n")
	for _, name := range groups["Hosts"] {
		fmt.Fprintf(&list, "[\"%s@%s\"] = { subscription = \"both\"; name = %q; groups = { Hosts = true } };\n", name, p.s.Domain, name)
	}
	list.WriteString("};\n")
	for _, name := range append(groups["AdminBot"], groups["People"]...) {
		p.s.write(t, p.data("roster", name), []byte(list.String()))
	}
}

// groupNames are the contact groups that follow from roles.
var groupNames = []string{"Hosts", "AdminBot", "People"}

func groupOf(r account.Role) string {
	switch r {
	case account.Host:
		return "Hosts"
	case account.Bot:
		return "AdminBot"
	}
	return "People"
}

func (p *prosody) add(t testing.TB, all []Account) error {
	const iterations = 4096
	made := map[string]string{} // by password: deriving takes some milliseconds
	for _, a := range all {
		file, ok := made[a.Password]
		if !ok {
			salt := fmt.Sprintf("%x", "salt of "+a.Name)
			c, err := account.NewCredential(p.hash, a.Password, []byte(salt), iterations)
			if err != nil {
				return err
			}
			file = fmt.Sprintf("return { iteration_count = %d; salt = %q; stored_key = \"%x\"; server_key = \"%x\" };\n",
				iterations, salt, c.StoredKey, c.ServerKey)
			made[a.Password] = file
		}
		p.s.write(t, p.data("accounts", a.Name), []byte(file))
	}
	return nil
}

// data is the file of one account in one of Prosody's stores.
func (p *prosody) data(store, name string) string {
	return filepath.Join("data", encodeStore(p.s.Domain), store, encodeStore(name)+".dat")
}

// encodeStore writes a name as Prosody does in file names.
func encodeStore(name string) string {
	var b strings.Builder
	for _, c := range []byte(name) {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02x", c)
		}
	}
	return b.String()
}

func (p *prosody) file(name string) string { return filepath.Join(p.s.Dir, name) }

// start runs the server and waits until all its ports are open.
func (p *prosody) start(t testing.TB) error {
	cmd := exec.Command("prosody", "--config", p.file("prosody.cfg.lua"), "-F")
	cmd.Dir = p.s.Dir
	missing := map[string]bool{"'c2s'": true, "'c2s_direct_tls'": true, "'component'": true}
	return p.run(t, cmd, func(line string) (bool, error) {
		if strings.Contains(line, "Failed to open server port") {
			return false, fmt.Errorf("prosody: %s", line)
		}
		if _, rest, ok := strings.Cut(line, "Activated service "); ok {
			name, where, _ := strings.Cut(rest, " ")
			if missing[name] && strings.Contains(where, "no ports") {
				return false, fmt.Errorf("prosody: %s", line)
			}
			delete(missing, name)
		}
		return len(missing) == 0, nil
	})
}
