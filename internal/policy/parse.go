package policy

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"unicode"

	toml "github.com/pelletier/go-toml/v2"
	"mellium.im/xmpp/jid"
)

// MaxSize is the largest file that is read, in bytes.
const MaxSize = 1 << 20

// Error is what is wrong with a policy file and where. The whole file is
// refused for one of them.
type Error struct {
	File      string // empty when the text did not come from a file
	Line, Col int    // from 1; 0 when the place is not known
	Msg       string
	Hint      string // what to do, or empty
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("policy: ")
	if e.File != "" {
		b.WriteString(e.File + ":")
	}
	if e.Line > 0 {
		fmt.Fprintf(&b, "%d:%d:", e.Line, e.Col)
	}
	if e.File != "" || e.Line > 0 {
		b.WriteByte(' ')
	}
	b.WriteString(e.Msg)
	if e.Hint != "" {
		b.WriteString("\nhint: " + e.Hint)
	}
	return b.String()
}

// The file as TOML has it.
type file struct {
	Bots       []string            `toml:"bots"`
	Callers    []string            `toml:"callers"`
	SecondOver *int                `toml:"second_over"`
	Groups     map[string][]string `toml:"groups"`
	Rules      []ruleFile          `toml:"rule"`
}

type ruleFile struct {
	Who        []string         `toml:"who"`
	Via        []string         `toml:"via"`
	May        []string         `toml:"may"`
	On         []string         `toml:"on"`
	Args       map[string][]any `toml:"args"`
	Hours      *string          `toml:"hours"`
	Rooms      []string         `toml:"rooms"`
	Needs      *string          `toml:"needs"`
	AllowNoTTL bool             `toml:"allow_no_ttl"`
}

// Load reads and parses the file. An error about its content is an [*Error]
// with the file's name.
func Load(name string) (*Policy, error) {
	st, err := os.Stat(name)
	if err != nil {
		return nil, fmt.Errorf("policy: %w", err)
	}
	if st.Size() > MaxSize {
		return nil, &Error{File: name, Msg: fmt.Sprintf("%d bytes, at most %d are read", st.Size(), MaxSize)}
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("policy: %w", err)
	}
	p, err := Parse(data)
	if e, ok := errors.AsType[*Error](err); ok {
		e.File = name
		return nil, e
	}
	if p != nil {
		p.marks.file = name
	}
	return p, err
}

// ReadOnly is what a host runs with when nobody wrote a policy for it: its
// bot may read, for anybody, and nothing else.
func ReadOnly(bot jid.JID) (*Policy, error) {
	return Parse(fmt.Appendf(nil, "bots = [%q]\n\n[[rule]]\nwho = [\"*\"]\nmay = [\"R\"]\n", bot.Bare().String()))
}

// Parse reads a policy. Unknown keys, words and groups are errors: a rule
// that was understood only in part would be another rule. The error is an
// [*Error] with line and column.
func Parse(data []byte) (*Policy, error) {
	if len(data) > MaxSize {
		return nil, &Error{Msg: fmt.Sprintf("%d bytes, at most %d are read", len(data), MaxSize)}
	}
	var f file
	dec := toml.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&f); err != nil {
		return nil, tomlError(err)
	}
	sum := sha256.Sum256(data)
	p := &Policy{
		hash:   hex.EncodeToString(sum[:]),
		groups: make(map[string][]pattern),
		marks:  mark(data),
	}
	for _, name := range slices.Sorted(maps.Keys(f.Groups)) {
		ps, err := p.patterns(f.Groups[name], "groups."+name, false)
		if err != nil {
			return nil, err
		}
		if name == "" || strings.ContainsFunc(name, func(r rune) bool {
			return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '-' && r != '_' && r != '.'
		}) {
			return nil, p.marks.err("groups."+name, fmt.Sprintf("no group can be named %q", name), "use letters, digits, - and _")
		}
		p.groups[name] = ps
	}
	var err error
	if p.bots, err = p.patterns(f.Bots, "bots", true); err != nil {
		return nil, err
	}
	if p.callers, err = p.patterns(f.Callers, "callers", true); err != nil {
		return nil, err
	}
	if f.SecondOver != nil {
		if *f.SecondOver < 1 {
			return nil, p.marks.err("second_over", fmt.Sprintf("second_over is %d", *f.SecondOver), "use 1 or more")
		}
		p.secondOver = *f.SecondOver
	}
	for i := range f.Rules {
		r, err := p.rule(i, &f.Rules[i])
		if err != nil {
			return nil, err
		}
		p.rules = append(p.rules, *r)
	}
	return p, nil
}

func (p *Policy) rule(i int, f *ruleFile) (*rule, error) {
	at := fmt.Sprintf("rule[%d]", i)
	r := &rule{number: i + 1, line: p.marks.at(at).Line, allowLate: f.AllowNoTTL}
	var err error
	if len(f.Who) == 0 {
		return nil, p.marks.err(at, fmt.Sprintf("rule %d says not for whom", i+1), `add who = ["*@example.net"]`)
	}
	if len(f.May) == 0 {
		return nil, p.marks.err(at, fmt.Sprintf("rule %d says not what", i+1), `add may = ["R"]`)
	}
	if r.who, err = p.patterns(f.Who, at+".who", true); err != nil {
		return nil, err
	}
	if r.via, err = p.patterns(f.Via, at+".via", true); err != nil {
		return nil, err
	}
	if r.rooms, err = p.patterns(f.Rooms, at+".rooms", false); err != nil {
		return nil, err
	}
	for n, w := range f.May {
		where := fmt.Sprintf("%s.may[%d]", at, n)
		switch {
		case len(w) == 1 && strings.Contains("RSWDA", w):
			r.classes += w
		case len(w) == 1 && strings.Contains("rswda", w), w == "":
			return nil, p.marks.err(where, fmt.Sprintf("no class %q", w), "classes are R, S, W, D and A")
		case !methodGlob(w):
			return nil, p.marks.err(where, fmt.Sprintf("%q is neither a class nor a method", w), `classes are R, S, W, D and A, methods look like "service.restart" or "service.*"`)
		default:
			r.methods = append(r.methods, w)
		}
	}
	for n, s := range f.On {
		sel, off := strings.CutPrefix(strings.TrimSpace(s), "!")
		if sel = strings.TrimSpace(sel); sel == "" {
			return nil, p.marks.err(fmt.Sprintf("%s.on[%d]", at, n), "a selector is empty", `use "*" for every host`)
		}
		if off {
			r.off = append(r.off, sel)
		} else {
			r.on = append(r.on, sel)
		}
	}
	for name, values := range f.Args {
		where := at + ".args." + name
		if len(values) == 0 {
			return nil, p.marks.err(where, "no value of "+name+" is allowed", "leave it out to allow every value")
		}
		if r.args == nil {
			r.args = make(map[string][]string)
		}
		for _, v := range values {
			s, ok := scalar(v)
			if !ok {
				return nil, p.marks.err(where, fmt.Sprintf("a value of %s is %T", name, v), "values are strings, numbers, true and false")
			}
			r.args[name] = append(r.args[name], s)
		}
	}
	if f.Hours != nil {
		if r.hours, err = parseHours(*f.Hours); err != nil {
			return nil, p.marks.err(at+".hours", err.Error(), "")
		}
	}
	if f.Needs != nil {
		n := slices.Index(needNames[:], *f.Needs)
		if n < 0 {
			return nil, p.marks.err(at+".needs", fmt.Sprintf("no friction %q", *f.Needs), "needs is none, confirm, count or second")
		}
		r.needs, r.needsSet = Need(n), true
	}
	return r, nil
}

// patterns reads addresses and, where groups may stand, @groups.
func (p *Policy) patterns(words []string, where string, groups bool) ([]pattern, error) {
	var out []pattern
	for i, w := range words {
		at := fmt.Sprintf("%s[%d]", where, i)
		if name, ok := strings.CutPrefix(w, "@"); ok {
			if !groups {
				return nil, p.marks.err(at, fmt.Sprintf("%q: a group cannot stand here", w), "")
			}
			members, ok := p.groups[name]
			if !ok {
				return nil, p.marks.err(at, fmt.Sprintf("no group %q", name), p.groupHint(name))
			}
			out = append(out, members...)
			continue
		}
		ps, err := parsePattern(w)
		if err != nil {
			return nil, p.marks.err(at, fmt.Sprintf("%q: %v", w, err), "")
		}
		out = append(out, ps)
	}
	return out, nil
}

func (p *Policy) groupHint(name string) string {
	if len(p.groups) == 0 {
		return fmt.Sprintf("define it: [groups] %s = [\"alice@example.net\"]", name)
	}
	return "groups are " + strings.Join(slices.Sorted(maps.Keys(p.groups)), ", ")
}

func methodGlob(s string) bool {
	for _, r := range s {
		ok := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._*?-", r)
		if !ok {
			return false
		}
	}
	_, err := path.Match(s, "")
	return err == nil && (strings.ContainsAny(s, ".*"))
}

// CheckHost reports what in the file only a bot can keep. A host that
// overlooked it would allow more than the rule says.
func (p *Policy) CheckHost() error {
	for i := range p.rules {
		r := &p.rules[i]
		at := fmt.Sprintf("rule[%d]", i)
		switch {
		case len(r.on)+len(r.off) > 0:
			return p.marks.err(at+".on", "on is for the bot: a host knows only itself", "leave it out here")
		case len(r.rooms) > 0:
			return p.marks.err(at+".rooms", "rooms is for the bot: a host sees no rooms", "leave it out here")
		case r.needsSet && r.needs > None:
			return p.marks.err(at+".needs", "needs is for the bot: a host has nobody to ask", "leave it out here")
		}
	}
	return nil
}

// CheckBot reports what in the file only a host can keep. valid says what is
// wrong with a selector, so that a file with a misspelt one is refused.
func (p *Policy) CheckBot(valid func(selector string) error) error {
	if len(p.bots) > 0 {
		return p.marks.err("bots", "bots is for hosts", "leave it out here")
	}
	if len(p.callers) > 0 {
		return p.marks.err("callers", "callers is for hosts", "leave it out here")
	}
	for i := range p.rules {
		r := &p.rules[i]
		at := fmt.Sprintf("rule[%d]", i)
		switch {
		case len(r.via) > 0:
			return p.marks.err(at+".via", "via is for hosts: the bot hears people directly", "leave it out here")
		case r.allowLate:
			return p.marks.err(at+".allow_no_ttl", "allow_no_ttl is for hosts", "leave it out here")
		}
		for _, s := range slices.Concat(r.on, r.off) {
			if err := valid(s); err != nil {
				return p.marks.err(at+".on", fmt.Sprintf("selector %q: %v", s, err), "")
			}
		}
	}
	return nil
}
