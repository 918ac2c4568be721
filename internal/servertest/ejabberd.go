package servertest

import (
	"bytes"
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"adminbot/docs"
	"adminbot/internal/account"
)

// shippedEjabberd is the configuration that the package installs.
const shippedEjabberd = "/usr/share/ejabberd/ejabberd.yml.example"

// ejabberd is an ejabberd process. It is started without ejabberdctl, which
// switches to a user of its own.
type ejabberd struct {
	process
	s     *Server
	ports []int // of its listeners, as in ejabberd.yml; then of Erlang's distribution
	api   string
	libs  string // where Erlang finds ejabberd

	hash     func() hash.Hash // of the stored passwords
	hashName string           // as ejabberd calls it
}

// StartEjabberd starts an ejabberd, waits until it listens, and makes the
// accounts and contact groups.
func StartEjabberd(t testing.TB, o Options) *Server {
	t.Helper()
	if _, err := exec.LookPath("ejabberdctl"); err != nil {
		t.Fatal("servertest: ejabberd is not installed: apt-get install ejabberd")
	}
	shipped, err := os.ReadFile(shippedEjabberd)
	if err != nil {
		t.Fatal(err)
	}
	s := prepare(t, "ejabberd", &o)
	e := &ejabberd{s: s, hash: sha256.New, hashName: "sha256"}
	if found, _ := filepath.Glob("/usr/lib/*/ejabberd-*"); len(found) > 0 {
		e.libs = filepath.Dir(found[0])
	}
	if o.Limits == Shipped {
		e.hash, e.hashName = sha1.New, "sha"
	}
	for _, dir := range []string{"spool", "logs"} {
		if err := os.Mkdir(e.file(dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	s.write(t, "inetrc", []byte("{lookup,[\"file\",\"native\"]}.\n"))
	s.launch(t, e, len(ejabberdPorts)+3, func(ports []int) {
		e.ports = ports
		s.Addr, s.DirectTLS = loopback(ports[0]), loopback(ports[1])
		s.Component, e.api = loopback(ports[len(ejabberdPorts)]), loopback(ports[len(ejabberdPorts)+1])
		s.write(t, "ejabberd.yml", []byte(e.config(t, string(shipped), o)))
		s.write(t, "adminbot.yml", []byte(e.more(t, o)))
		s.write(t, "ejabberdctl.cfg", fmt.Appendf(nil, "ERL_DIST_PORT=%d\n", ports[len(ports)-1]))
	})
	if err := e.load(t, withRoles(o.Accounts)); err != nil {
		t.Fatalf("servertest: accounts: %v\n%s", err, s.Log())
	}
	return s
}

// ejabberdPorts are those of the shipped configuration, clients' first.
var ejabberdPorts = []int{5222, 5223, 5269, 5443, 5280, 3478, 1883}

// config is the shipped configuration with what differs on every machine and
// what docs/ejabberd.md tells an administrator to change in it.
func (e *ejabberd) config(t testing.TB, text string, o Options) string {
	for i, port := range ejabberdPorts {
		text = strings.Replace(text, fmt.Sprintf("port: %d\n", port), fmt.Sprintf("port: %d\n", e.ports[i]), 1)
	}
	text = strings.NewReplacer(
		`ip: "::"`, `ip: "127.0.0.1"`,
		`- "/etc/ejabberd/ejabberd.pem"`, fmt.Sprintf("- %q\n  - %q", e.file("cert.pem"), e.file("key.pem")),
		"\n  - localhost\n", "\n  - "+o.Domain+"\n",
	).Replace(text)
	text = addTo(text, "listen", fmt.Sprintf(`  -
    port: %s
    ip: "127.0.0.1"
    module: ejabberd_http
    request_handlers:
      /api: mod_http_api
`, portOf(e.api)))
	text = addTo(text, "api_permissions", `  "tests":
    who:
      ip: 127.0.0.1/32
    what: [load, register, srg_user_add]
`)
	const file = "# /etc/ejabberd/ejabberd.yml"
	page := func(where string) string { return block(t, docs.Ejabberd, file+", "+where) }
	text = replaceEntry(t, text, strings.ReplaceAll(page("under access_rules in place of muc_create"), "example.net", o.Domain))
	switch o.Limits {
	case Recommended:
		text = replaceEntry(t, text, page("in place of the section shaper_rules"))
		text = replaceEntry(t, text, page("under modules in place of mod_ping"))
		text = replaceEntry(t, text, page("under modules in place of mod_stream_mgmt"))
	case Unlimited:
		text = replaceEntry(t, text, `shaper_rules:
  max_user_sessions: 1000000
  max_user_offline_messages: 1000000
  c2s_shaper: none
  s2s_shaper: none
`)
	}
	if o.NoTLS {
		text = strings.Replace(text, "starttls_required: true", "starttls: true", 1)
	}
	if o.Resume > 0 {
		text = replaceEntry(t, text, fmt.Sprintf("  mod_stream_mgmt:\n    resend_on_timeout: if_offline\n    resume_timeout: %d\n", int(o.Resume.Seconds())))
	}
	return text + strings.Replace(page("one more line"), "/etc/ejabberd/adminbot.yml", e.file("adminbot.yml"), 1)
}

// more is the file that docs/ejabberd.md tells an administrator to write.
func (e *ejabberd) more(t testing.TB, o Options) string {
	const file = "# /etc/ejabberd/adminbot.yml"
	text := block(t, docs.Ejabberd, file) + block(t, docs.Ejabberd, file+", for workgroups")
	switch o.Limits {
	case Recommended:
		text += block(t, docs.Ejabberd, file+", in addition")
	case Unlimited:
		text += "auth_scram_hash: sha256\n"
	}
	return strings.NewReplacer(
		"adminbot@example.net", botOf(o.Accounts)+"@"+o.Domain,
		"example.net", o.Domain,
		"port: 5347", "port: "+portOf(e.s.Component),
		"a long random secret", e.s.Secret,
	).Replace(text)
}

// addTo puts lines at the beginning of a section of a YAML file.
func addTo(text, section, lines string) string {
	return strings.Replace(text, "\n"+section+":\n", "\n"+section+":\n"+lines, 1)
}

// replaceEntry replaces the entry of a YAML file that has the key and the depth
// of the first line of lines.
func replaceEntry(t testing.TB, text, lines string) string {
	t.Helper()
	key, _, _ := strings.Cut(lines, ":")
	deeper := key[:len(key)-len(strings.TrimLeft(key, " "))] + " "
	was := regexp.MustCompile(`(?m)^` + key + `:.*\n(` + deeper + `.*\n)*`)
	if !was.MatchString(text) {
		t.Fatalf("servertest: no %s in %s", key, shippedEjabberd)
	}
	return was.ReplaceAllLiteralString(text, lines)
}

func portOf(addr string) string {
	_, port, _ := strings.Cut(addr, ":")
	return port
}

func (e *ejabberd) file(name string) string { return filepath.Join(e.s.Dir, name) }

// start runs the server and waits until clients, components and the API are
// served.
func (e *ejabberd) start(t testing.TB) error {
	dist := strconv.Itoa(e.ports[len(e.ports)-1])
	cmd := exec.Command("erl", "-noinput", "-sname", "ejabberd@localhost",
		"-erl_epmd_port", dist, "-start_epmd", "false", "-kernel", "inet_dist_use_interface", "{127,0,0,1}",
		"+K", "true", "+P", "250000", // as ejabberdctl does
		"-mnesia", "dir", strconv.Quote(e.file("spool")), "-s", "ejabberd")
	cmd.Dir = e.s.Dir
	cmd.Env = append(os.Environ(),
		"HOME="+e.s.Dir, // Erlang keeps its cookie there
		"ERL_LIBS="+e.libs,
		"ERL_MAX_PORTS=32000", "ERL_MAX_ETS_TABLES=1400",
		"ERL_INETRC="+e.file("inetrc"),
		"ERL_CRASH_DUMP_BYTES=0",
		"EJABBERD_CONFIG_PATH="+e.file("ejabberd.yml"),
		"EJABBERD_LOG_PATH="+e.file("logs/ejabberd.log"),
	)
	missing := map[string]bool{e.s.Addr: true, e.s.DirectTLS: true, e.s.Component: true, e.api: true}
	return e.run(t, cmd, func(line string) (bool, error) {
		if strings.Contains(line, "[critical]") || strings.Contains(line, "Failed to open socket") {
			return false, fmt.Errorf("ejabberd: %s", line)
		}
		if _, rest, ok := strings.Cut(line, "Start accepting "); ok {
			for _, word := range strings.Fields(rest) {
				delete(missing, word)
			}
		}
		return len(missing) == 0, nil
	})
}

// load makes the first accounts and the groups of their roles from a dump of the
// database: thousands of accounts in seconds. The server keeps groups in
// caches that a dump does not reach, so nobody may have logged in yet.
func (e *ejabberd) load(t testing.TB, all []Account) error {
	var dump strings.Builder
	dump.WriteString(`{tables,[{passwd,[{record_name,passwd},{attributes,[us,password]}]},
	{sr_group,[{record_name,sr_group},{attributes,[group_host,opts]}]},
	{sr_user,[{record_name,sr_user},{attributes,[us,group_host]}]}]}.
`)
	binary := func(text string) string { return fmt.Sprintf("<<%q>>", text) }
	host := binary(e.s.Domain)
	for _, group := range groupNames {
		var shown []string
		for _, name := range displayed[group] {
			shown = append(shown, binary(name))
		}
		fmt.Fprintf(&dump, "{sr_group,{%s,%s},[{label,%[1]s},{displayed_groups,[%[3]s]}]}.\n", binary(group), host, strings.Join(shown, ","))
	}
	made := map[string]string{} // by password: deriving takes some milliseconds
	for _, a := range all {
		scram, ok := made[a.Password]
		if !ok {
			c, err := account.NewCredential(e.hash, a.Password, []byte("sixteen bytes of"), 4096)
			if err != nil {
				return err
			}
			b64 := base64.StdEncoding.EncodeToString
			scram = fmt.Sprintf("{scram,%s,%s,%s,%s,%d}", binary(b64(c.StoredKey)), binary(b64(c.ServerKey)), binary(b64(c.Salt)), e.hashName, c.Iterations)
			made[a.Password] = scram
		}
		fmt.Fprintf(&dump, "{passwd,{%s,%s},%s}.\n", binary(a.Name), host, scram)
		fmt.Fprintf(&dump, "{sr_user,{%s,%s},{%s,%[2]s}}.\n", binary(a.Name), host, binary(groupOf(a.Role)))
	}
	e.s.write(t, "accounts.txt", []byte(dump.String()))
	return e.call(t.Context(), "load", map[string]string{"file": e.file("accounts.txt")})
}

// add makes accounts and puts them into the groups of their roles, through the
// API: the same commands as ejabberdctl has.
func (e *ejabberd) add(t testing.TB, all []Account) error {
	for _, a := range all {
		if err := e.call(t.Context(), "register", map[string]string{"user": a.Name, "host": e.s.Domain, "password": a.Password}); err != nil {
			return err
		}
		if err := e.call(t.Context(), "srg_user_add", map[string]string{
			"user": a.Name, "host": e.s.Domain, "group": groupOf(a.Role), "grouphost": e.s.Domain,
		}); err != nil {
			return err
		}
	}
	return nil
}

// displayed says whom the members of a group have in their contacts.
var displayed = map[string][]string{
	"Hosts":    {"AdminBot", "People"},
	"AdminBot": {"Hosts", "People"},
	"People":   {"Hosts", "AdminBot"},
}

// call runs one command of the API.
func (e *ejabberd) call(ctx context.Context, command string, args map[string]string) error {
	body, err := json.Marshal(args)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+e.api+"/api/"+command, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %s", command, resp.Status, answer)
	}
	return err
}
