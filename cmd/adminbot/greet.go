package main

import (
	"crypto/sha1"
	"crypto/sha256"
	"fmt"
	"net"
	"os"
	"strings"

	"adminbot/internal/site"
)

// greet tells a person how to log in and what to say. A program that pipes
// lines gets only answers.
func (u *upSite) greet() {
	out := u.std.out
	if !u.interactive() {
		out = u.std.err
	}
	host, port, _ := net.SplitHostPort(u.server.listeners.C2S.Addr().String())
	host = callable(host)
	sha256 := colons(sha256.Sum256(u.cert.Raw))
	fmt.Fprintf(out, `AdminBot is up: %[1]s, state in %[2]s
Log in with Gajim, Conversations, Dino or Profanity:
  account  %[3]s   server %[4]s, port %[5]s
  password in %[6]s
  certificate authority %[7]s
  or compare the certificate's fingerprint:
    SHA-1    %[8]x
    SHA-256  %[9]s
             %[10]s
  then write to %[11]s
In Profanity, for example:
  /connect %[3]s server %[4]s port %[5]s
  (the password; then, if SHA-1 is as above:)
  /tls always
  /msg %[11]s disk
Try:
  disk
  which hosts are happy?
  memory on %[12]s
`, plural(len(u.hosts), "host"), u.site.Dir, adminName+"@"+u.site.Domain, host, port,
		u.site.Path(site.SecretFile(adminName)), u.site.Path(site.CAFile),
		sha1.Sum(u.cert.Raw), sha256[:47], sha256[48:], botName+"@"+u.site.Domain, u.hosts[0].name)
}

// callable is the host of an address that is listened on as a client may name
// it: who listens on every address is known by the name of the machine.
func callable(host string) string {
	if ip := net.ParseIP(host); ip == nil || !ip.IsUnspecified() {
		return host
	}
	if name, err := os.Hostname(); err == nil {
		return name
	}
	return host
}

// colons writes a fingerprint the way clients show it.
func colons(sum [sha256.Size]byte) string {
	return strings.ReplaceAll(fmt.Sprintf("% X", sum), " ", ":")
}
