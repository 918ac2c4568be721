// Package policy decides who may do what. One schema serves both sides: the
// bot asks about people, each host agent about its callers and the people
// they speak for.
//
// A program loads a file once with [Load] (or [Parse]), says which side it is
// on with [Policy.CheckBot] or [Policy.CheckHost], and then asks
// [Policy.Decide] for every call. Rules are read in order, the first match
// decides, and no match is a refusal that names the missing permission. What
// the bot has to ask of the person before a change runs comes from [Friction],
// raised (never lowered) by the needs of the matching rule.
//
// A [Policy] does not change after it was parsed, so every method may be
// called from any goroutine. A nil *Policy refuses everything: that is what a
// host falls back to when its file is invalid.
package policy

import (
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"mellium.im/xmpp/jid"
)

// DefaultSecondOver is the number of hosts above which a change needs the
// most friction, when the file does not set second_over.
const DefaultSecondOver = 10

// AdminGroup is the group whose members are the administrators that class A
// is reserved for.
const AdminGroup = "admins"

// Policy is one parsed file.
type Policy struct {
	hash       string
	bots       []pattern
	callers    []pattern
	groups     map[string][]pattern
	rules      []rule
	secondOver int
	marks      marks
}

type rule struct {
	number    int // from 1, as people count
	line      int
	who       []pattern
	via       []pattern
	classes   string   // letters of RSWDA
	methods   []string // globs
	on, off   []string // selectors: included, excluded
	args      map[string][]string
	hours     *hours
	rooms     []pattern
	needs     Need
	needsSet  bool
	allowLate bool
}

// Ask is the question put to [Policy.Decide].
type Ask struct {
	// Who is the person: on the bot the asker, on a host the actor. Only
	// the bare address counts. The zero JID matches no rule.
	Who jid.JID
	// Via is the caller a host received the call from; the bot leaves it
	// zero.
	Via        jid.JID
	Method     string
	Permission string
	Class      string // R, S, W, D or A
	// Args holds the arguments of the call by name: strings, booleans,
	// numbers and slices of these. A rule with args matches only a call
	// that carries every argument it names.
	Args map[string]any
	// InSelector reports whether the host the question is about is in a
	// selector. The bot sets it, one question for each host; where it is
	// nil, a rule with `on` does not match.
	InSelector func(selector string) bool
	// Room is the bare address of the room the question came from, zero
	// for a one-to-one chat.
	Room jid.JID
	// At is when the question is asked, for rules with hours.
	At time.Time
}

// Decision is the answer to an [Ask].
type Decision struct {
	Allow bool
	// Rule names the rule that decided, "rule 2 (line 14)", or "no rule".
	Rule string
	// Needs is the friction the rule asks for, [None] when it asks for
	// nothing beyond the default.
	Needs Need
	// Missing is the permission a refused person lacks.
	Missing string
	// Near says, for a refusal, which rule would have matched at another
	// time or place, or is empty.
	Near string
	// AllowWithoutTTL is set where the rule lets a change run although the
	// call says nothing about its expiry.
	AllowWithoutTTL bool
}

// Reason is the refusal in words; it is empty for an allowed call.
func (d Decision) Reason() string {
	if d.Allow {
		return ""
	}
	s := "permission " + d.Missing + " is missing"
	if d.Near != "" {
		s += " (" + d.Near + ")"
	}
	return s
}

// Hash is the SHA-256 of the file's bytes in hex, empty for a nil policy.
func (p *Policy) Hash() string {
	if p == nil {
		return ""
	}
	return p.hash
}

// SecondOver is the number of hosts above which [Friction] is at its highest.
func (p *Policy) SecondOver() int {
	if p == nil || p.secondOver == 0 {
		return DefaultSecondOver
	}
	return p.secondOver
}

// Listed reports whether j may call this host at all: it is one of the bots,
// one of the callers, or named in a rule's via.
func (p *Policy) Listed(j jid.JID) bool {
	if p == nil || j.Equal(jid.JID{}) {
		return false
	}
	b := j.Bare()
	if matchAny(p.bots, b) || matchAny(p.callers, b) {
		return true
	}
	for i := range p.rules {
		if matchAny(p.rules[i].via, b) {
			return true
		}
	}
	return false
}

// Bot reports whether the word of j about whom it speaks for is believed.
func (p *Policy) Bot(j jid.JID) bool {
	return p != nil && !j.Equal(jid.JID{}) && matchAny(p.bots, j.Bare())
}

// Admin reports whether j is an administrator.
func (p *Policy) Admin(j jid.JID) bool { return p.Member(AdminGroup, j) }

// Member reports whether j belongs to the group.
func (p *Policy) Member(group string, j jid.JID) bool {
	return p != nil && !j.Equal(jid.JID{}) && matchAny(p.groups[group], j.Bare())
}

// Decide answers the question. The first rule that matches in everything
// decides.
func (p *Policy) Decide(a Ask) Decision {
	d := Decision{Rule: "no rule", Missing: a.Permission}
	if p == nil || a.Who.Equal(jid.JID{}) {
		return d
	}
	for i := range p.rules {
		r := &p.rules[i]
		if !matchAny(r.who, a.Who.Bare()) || !r.may(a) || !r.viaOK(p, a) {
			continue
		}
		if why := r.blocked(a); why != "" {
			if d.Near == "" {
				d.Near = r.name() + " allows it " + why
			}
			continue
		}
		if a.Class == "A" && a.Via.Equal(jid.JID{}) && !p.Admin(a.Who) {
			if d.Near == "" {
				d.Near = r.name() + " allows it only to administrators (group " + AdminGroup + ")"
			}
			continue
		}
		return Decision{Allow: true, Rule: r.name(), Needs: r.needs, AllowWithoutTTL: r.allowLate}
	}
	return d
}

func (r *rule) name() string {
	return "rule " + strconv.Itoa(r.number) + " (line " + strconv.Itoa(r.line) + ")"
}

func (r *rule) may(a Ask) bool {
	if len(a.Class) == 1 && strings.Contains(r.classes, a.Class) {
		return true
	}
	return slices.ContainsFunc(r.methods, func(glob string) bool {
		ok, _ := path.Match(glob, a.Method)
		return ok
	})
}

func (r *rule) viaOK(p *Policy, a Ask) bool {
	if a.Via.Equal(jid.JID{}) {
		return len(r.via) == 0
	}
	if len(r.via) == 0 {
		return p.Listed(a.Via)
	}
	return matchAny(r.via, a.Via.Bare())
}

// blocked says why a rule that fits the person and the method does not fit
// this call, or is empty.
func (r *rule) blocked(a Ask) string {
	if len(r.on)+len(r.off) > 0 {
		if !r.selects(a.InSelector) {
			return "on other hosts"
		}
	}
	for name, want := range r.args {
		if !argIn(a.Args[name], want) {
			return "with other values of " + name
		}
	}
	if len(r.rooms) > 0 && (a.Room.Equal(jid.JID{}) || !matchAny(r.rooms, a.Room.Bare())) {
		return "in another room"
	}
	if r.hours != nil && !r.hours.contain(a.At) {
		return "at other hours (" + r.hours.text + ")"
	}
	return ""
}

func (r *rule) selects(in func(string) bool) bool {
	if in == nil || slices.ContainsFunc(r.off, in) {
		return false
	}
	return len(r.on) == 0 || slices.ContainsFunc(r.on, in)
}

// argIn reports whether v, or every element of v, is one of the values.
func argIn(v any, want []string) bool {
	switch v := v.(type) {
	case nil:
		return false
	case []any:
		for _, e := range v {
			if !argIn(e, want) {
				return false
			}
		}
		return len(v) > 0
	case []string:
		for _, e := range v {
			if !slices.Contains(want, e) {
				return false
			}
		}
		return len(v) > 0
	}
	s, ok := scalar(v)
	return ok && slices.Contains(want, s)
}

// scalar is the one text a value has in a rule and in a call.
func scalar(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case bool:
		return strconv.FormatBool(v), true
	case int:
		return strconv.Itoa(v), true
	case int32:
		return strconv.FormatInt(int64(v), 10), true
	case int64:
		return strconv.FormatInt(v, 10), true
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), true
	}
	return "", false
}
