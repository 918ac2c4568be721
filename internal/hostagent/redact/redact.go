// Package redact makes text from the machine fit to be sent: [Clean] leaves only
// what XML 1.0 can carry and a terminal shows harmlessly, [Line] cuts out of a
// log line what looks like a secret, [Args] out of a command line.
//
// It knows the usual shapes: name=value and "name": "value" where the name says
// password, secret, token or key; Authorization headers; the password in a URL;
// private keys; and the tokens of some well known services. It is a net under
// the permission to read, not a replacement for it.
package redact

import (
	"regexp"
	"strings"
	"sync"

	"adminbot/internal/textsafe"
)

// Cut stands where something was cut out.
const Cut = "[cut]"

// Clean returns s as one line of valid XML 1.0 text without what commands a
// terminal; see [textsafe.Line]. At most limit bytes of it remain, at least 4;
// limit 0 means all.
func Clean(s string, limit int) string { return textsafe.Line(s, limit) }

// secretName matches the end of names that hold secrets: DB_PASSWORD, apiKey,
// client-secret. What follows decides whether a value is there.
const secretName = `(?:pass(?:word|wd|phrase|code)?|pwd|secret|token|api[-_.]?key|access[-_.]?key|private[-_.]?key|secret[-_.]?key|auth[-_.]?key|encryption[-_.]?key|credentials?|cookie|session[-_.]?id|otp)`

type shape struct {
	re   *regexp.Regexp
	with string
}

var shapes = sync.OnceValue(func() []shape {
	return []shape{
		{regexp.MustCompile(`-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|$)`), Cut},
		// user:password@ in a URL.
		{regexp.MustCompile(`([a-zA-Z][a-zA-Z0-9+.-]*://[^\s/:@"']*):[^\s/@"']+@`), "${1}:" + Cut + "@"},
		{regexp.MustCompile(`(?i)\b((?:proxy-)?authorization["']?\s*[:=]\s*["']?)(?:(basic|bearer|digest|negotiate|token|apikey)\s+)?[^\s"',;]+`), "${1}${2} " + Cut},
		{regexp.MustCompile(`(?i)\b(bearer\s+)[A-Za-z0-9._~+/=-]{8,}`), "${1}" + Cut},
		// "name": "value", name = 'value with spaces', name=value and name: value.
		{regexp.MustCompile(`(?i)([\w.-]*` + secretName + `["']?)(?:(\s*[:=]\s*)(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(=|:\s?)[^\s"',;&)}\]]+)`), "${1}${2}${3}" + Cut},
		// The tokens of well known services say themselves what they are.
		{regexp.MustCompile(`\b(?:AKIA|ASIA)[A-Z0-9]{16}\b`), Cut},
		{regexp.MustCompile(`\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}|glpat-[A-Za-z0-9_-]{16,}|xox[abprs]-[A-Za-z0-9-]{10,}|sk_(?:live|test)_[A-Za-z0-9]{16,})`), Cut},
		{regexp.MustCompile(`\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*`), Cut},
	}
})

// hints are what every shape has one of, so that most lines cost one scan.
var hints = []string{"pass", "pwd", "secret", "token", "key", "auth", "bearer", "credential", "cookie", "session", "otp", "://",
	"akia", "asia", "gh", "glpat-", "xox", "sk_", "eyj", "private"}

// Line returns s with what looks like a secret replaced by [Cut].
func Line(s string) string {
	low := strings.ToLower(s)
	for _, h := range hints {
		if strings.Contains(low, h) {
			for _, sh := range shapes() {
				s = sh.re.ReplaceAllString(s, sh.with)
			}
			return s
		}
	}
	return s
}

var (
	secretFlag = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?i)^--?[\w.-]*` + secretName + `$`)
	})
	// Clients that take a password right behind -p.
	shortFlag = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^-p\S+$`) })
)

// Args joins a command line, cleaned and without what looks like a secret: the
// value of --password=x, the word after --token, mysql's -pX.
func Args(argv []string, limit int) string {
	out := make([]string, 0, len(argv))
	size := 0
	for i := 0; i < len(argv); i++ {
		a := argv[i]
		switch {
		case i > 0 && secretFlag().MatchString(a) && i+1 < len(argv) && !strings.HasPrefix(argv[i+1], "-"):
			out = append(out, a, Cut)
			i++
		case i > 0 && shortFlag().MatchString(a) && takesShort(argv[0]):
			out = append(out, "-p"+Cut)
		default:
			out = append(out, Line(a))
		}
		if size += len(a) + 1; limit > 0 && size > limit {
			break
		}
	}
	return Clean(strings.Join(out, " "), limit)
}

func takesShort(program string) bool {
	name := program[strings.LastIndexByte(program, '/')+1:]
	for _, p := range []string{"mysql", "mariadb", "sshpass", "mongo", "rabbitmq", "ldap", "7z"} {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	return false
}
