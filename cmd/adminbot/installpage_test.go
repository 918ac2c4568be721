//go:build !unit

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestInstallPage does what docs/install.md says, on machines that are directories:
// files are written, commands run, and units started as systemd would, but for its
// sandbox.
func TestInstallPage(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Fatalf("%v\nhint: apt-get install openssl", err)
	}
	text, err := os.ReadFile("../../docs/install.md")
	if err != nil {
		t.Fatal(err)
	}
	in := &installer{t: t, root: t.TempDir()}
	in.shims()
	var said string
	for _, block := range regexp.MustCompile("(?ms)^```(sh|toml)\n# (.*?)\n(.*?)^```").FindAllStringSubmatch(string(text), -1) {
		title, body := block[2], block[3]
		if block[1] == "toml" {
			file, machine, ok := strings.Cut(title, " on ")
			if !ok {
				t.Fatalf("where does %q go?", title)
			}
			in.write(machine, file, body)
			continue
		}
		machine, ok := strings.CutPrefix(title, "on ")
		if !ok {
			t.Fatalf("where is %q run?", title)
		}
		if machine == "laptop" { // what the reader is told to carry there
			in.write(machine, "~/ca.pem", in.read("xmpp", "/etc/adminbot/server.pem"))
			in.write(machine, "~/alice.password", regexp.MustCompile(`alice added, password: (\S+)`).FindStringSubmatch(said)[1])
			body = "until adminbot rpc --config ~/adminbot.toml --on role=web rpc.ping; do sleep 0.1; done\n" + body
		}
		said += in.run(machine, body)
		in.start(machine)
	}
	for _, want := range []string{`web01 +(happy|sad)`, `✔ disk on web01: `, `✔ host info on web01: `, `sha1 Fingerprint=([0-9A-F]{2}:){19}`} {
		if !regexp.MustCompile(want).MatchString(said) {
			t.Errorf("no %s in\n%s", want, said)
		}
	}
}

// An installer is who follows the page.
type installer struct {
	t       *testing.T
	root    string
	address string // of the server, as soon as it is there
}

// shims are the commands that only root may run, or that reach other machines, as
// far as they matter here.
func (in *installer) shims() {
	for name, script := range map[string]string{
		"useradd":   "true",
		"chown":     "true",
		"sudo":      `shift 2; exec "$@"`,
		"scp":       fmt.Sprintf(`host=${2%%%%:*}; to=%s/${host#root@}${2#*:}; mkdir -p "${to%%/*}"; cp "$1" "$to"`, in.root),
		"systemctl": `echo "$3" >> started`,
	} {
		in.file(filepath.Join(in.root, "shims", name), "#!/bin/sh -e\n"+script+"\n", 0o755)
	}
}

func (in *installer) file(path, text string, mode os.FileMode) {
	in.t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		in.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		in.t.Fatal(err)
	}
}

// at is the text with the paths and the address as they are here.
func (in *installer) at(machine, text string) string {
	own := filepath.Join(in.root, machine)
	return strings.NewReplacer(
		"/etc/adminbot", own+"/etc/adminbot", "/etc/systemd", own+"/etc/systemd", "/var/lib/", own+"/var/lib/",
		"/usr/local/bin/adminbot", "adminbot", "~/", own+"/home/",
		"root@bot:/etc", "root@bot:/etc", "root@web01:/etc", "root@web01:/etc", // on those
		"0.0.0.0:5222", "127.0.0.1:0", "xmpp.example.net:5222", in.address,
	).Replace(text)
}

func (in *installer) write(machine, file, text string) {
	in.t.Helper()
	mode := os.FileMode(0o644)
	if strings.HasSuffix(file, ".password") {
		mode = 0o600
	}
	in.file(in.at(machine, file), in.at(machine, text), mode)
}

func (in *installer) read(machine, file string) string {
	in.t.Helper()
	text, err := os.ReadFile(in.at(machine, file))
	if err != nil {
		in.t.Fatal(err)
	}
	return string(text)
}

// run runs commands in the machine's root directory and returns what they print.
func (in *installer) run(machine, script string) string {
	in.t.Helper()
	own := filepath.Join(in.root, machine)
	for _, dir := range []string{own, own + "/etc/systemd/system", own + "/etc/adminbot"} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			in.t.Fatal(err)
		}
	}
	docs, err := filepath.Abs("../../docs")
	if err != nil {
		in.t.Fatal(err)
	}
	cmd := exec.CommandContext(in.t.Context(), "sh", "-e", "-x", "-c", strings.ReplaceAll(in.at(machine, script), "docs/systemd", docs+"/systemd"))
	cmd.Dir = own
	cmd.Env = append(os.Environ(), "PATH="+in.root+"/shims:"+os.Getenv("PATH"), "HOME="+own+"/home")
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Run(); err != nil {
		in.t.Fatalf("on %s: %v\n%s", machine, err, &said)
	}
	return said.String()
}

// start starts the units that were enabled on a machine.
func (in *installer) start(machine string) {
	in.t.Helper()
	enabled := filepath.Join(in.root, machine, "started")
	names, err := os.ReadFile(enabled)
	if err != nil {
		return
	}
	if err := os.Remove(enabled); err != nil {
		in.t.Fatal(err)
	}
	for name := range strings.FieldsSeq(string(names)) {
		unit := in.at(machine, in.read(machine, "/etc/systemd/system/"+name+".service"))
		if dir := filepath.Join(in.root, machine, "var/lib", setting(unit, "StateDirectory")); os.MkdirAll(dir, 0o700) != nil {
			in.t.Fatal(dir)
		}
		credentials := in.t.TempDir()
		if id, file, ok := strings.Cut(setting(unit, "LoadCredential"), ":"); ok {
			secret, err := os.ReadFile(file)
			if err != nil {
				in.t.Fatal(err)
			}
			in.file(filepath.Join(credentials, id), string(secret), 0o440)
		}
		command := strings.Fields(setting(unit, "ExecStart"))
		if len(command) == 0 || command[0] != "adminbot" {
			in.t.Fatalf("%s starts %q", name, command)
		}
		in.t.Setenv("CREDENTIALS_DIRECTORY", credentials)
		ready := map[string]string{"adminbot-server": "serving example.net on ", "adminbot-bot": "sees 1 host", "adminbot-agent": "takes calls"}[name]
		said := serve(in.t, ready, command[1:]...)
		if _, on, ok := strings.Cut(said, ready); ok && name == "adminbot-server" {
			in.address = strings.TrimSpace(on)
		}
	}
}

// setting is a value of a unit file.
func setting(unit, name string) string {
	for line := range strings.Lines(unit) {
		if v, ok := strings.CutPrefix(line, name+"="); ok {
			return strings.TrimSpace(v)
		}
	}
	return ""
}
