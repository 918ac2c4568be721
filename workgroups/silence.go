package workgroups

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// A Silence has nobody asked about alerts for a while: while the work is being
// done that causes them, say. The alerts are there all the same, and are counted.
type Silence struct {
	ID          int64  // from 1
	Workgroup   string // empty: all
	Match       []Matcher
	From, Until time.Time // Until itself is not in it
	By          string    // bare address
	Reason      string
	Made        time.Time
}

// A Matcher says which alerts are meant. The regular expression has to match the
// whole value.
type Matcher struct {
	Name   string `json:"name"` // of a label; or host, severity, summary, source
	Value  string `json:"value"`
	Regexp bool   `json:"regexp,omitempty"`
	Not    bool   `json:"not,omitempty"`
}

// String is the matcher as [ParseMatcher] reads it.
func (m Matcher) String() string {
	op := map[[2]bool]string{{}: "=", {true, false}: "=~", {false, true}: "!=", {true, true}: "!~"}[[2]bool{m.Regexp, m.Not}]
	return m.Name + op + m.Value
}

// ParseMatcher reads host=web01, role!=db, host=~web.* or severity!~info.
func ParseMatcher(text string) (Matcher, error) {
	i := strings.IndexAny(text, "=!")
	if i < 1 || len(text) < i+2 {
		return Matcher{}, invalid("%q is not like host=web01", cut(text, 60))
	}
	m := Matcher{Name: text[:i]}
	op, rest := text[i:i+1], text[i+1:]
	switch {
	case op == "=" && rest[0] == '~':
		m.Regexp, rest = true, rest[1:]
	case op == "!" && rest[0] == '=':
		m.Not, rest = true, rest[1:]
	case op == "!" && rest[0] == '~':
		m.Not, m.Regexp, rest = true, true, rest[1:]
	case op == "!":
		return Matcher{}, invalid("%q is not like host!=web01", cut(text, 60))
	}
	m.Value = rest
	return m, m.check()
}

func (m *Matcher) check() error {
	if m.Name == "" || len(m.Name) > MaxName || len(m.Value) > MaxLabel {
		return invalid("a matcher has a name and a value of up to %d bytes", MaxLabel)
	}
	if m.Regexp {
		if _, err := regexp.Compile(m.Value); err != nil {
			return invalid("%q is not a regular expression: %v", cut(m.Value, 60), err)
		}
	}
	return nil
}

// value is what a matcher looks at.
func (a *Alert) value(name string) string {
	if v, ok := a.Labels[name]; ok {
		return v
	}
	switch name {
	case "host":
		return a.Host
	case "severity":
		return string(a.Severity)
	case "summary":
		return a.Summary
	case "source":
		return a.Source
	}
	return ""
}

// Check returns what is wrong with a silence.
func (s *Silence) Check() error {
	switch {
	case len(s.Match) == 0:
		return invalid("a silence of everything: say which alerts, host=~.* for all of hosts")
	case len(s.Match) > MaxLabels:
		return invalid("%d matchers, %d are allowed", len(s.Match), MaxLabels)
	case !s.Until.After(s.From):
		return invalid("the silence ends before it begins")
	case len(s.Reason) > MaxSummary:
		return invalid("the reason has more than %d bytes", MaxSummary)
	}
	for i := range s.Match {
		if err := s.Match[i].check(); err != nil {
			return err
		}
	}
	return nil
}

// String says in words which alerts are meant.
func (s *Silence) String() string {
	var all []string
	for _, m := range s.Match {
		all = append(all, m.String())
	}
	return strings.Join(all, " ")
}

// A silence is a [Silence] as the machine has it.
type silence struct {
	Silence
	patterns []*regexp.Regexp // by matcher; nil: it is text
}

func newSilence(s Silence) *silence {
	n := &silence{Silence: s, patterns: make([]*regexp.Regexp, len(s.Match))}
	for i, m := range s.Match {
		if m.Regexp {
			n.patterns[i], _ = regexp.Compile("^(?:" + m.Value + ")$") // Check has seen it
		}
	}
	return n
}

func (s *silence) matches(a *Alert) bool {
	if s.Workgroup != "" && s.Workgroup != a.Workgroup {
		return false
	}
	for i, m := range s.Match {
		v := a.value(m.Name)
		is := v == m.Value
		if m.Regexp {
			is = s.patterns[i] != nil && s.patterns[i].MatchString(v)
		}
		if is == m.Not {
			return false
		}
	}
	return true
}

func (s *silence) active(now time.Time) bool { return !now.Before(s.From) && now.Before(s.Until) }

// silence mutes what is meant from now on, or from a time to come.
func (m *machine) silence(all []Silence, now time.Time) ([]Silence, error) {
	for i := range all {
		if err := all[i].Check(); err != nil {
			return nil, err
		}
		if name := all[i].Workgroup; name != "" && m.groups[name] == nil {
			return nil, fmt.Errorf("%w: %q", ErrNoWorkgroup, cut(name, 60))
		}
	}
	if len(m.silences)+len(all) > maxKept {
		return nil, ErrBusy
	}
	var made []Silence
	old := len(m.silences)
	for _, s := range all {
		s.ID, s.Made = 1, now
		if n := len(m.silences); n > 0 {
			s.ID = m.silences[n-1].ID + 1
		}
		s.Reason = clean(s.Reason)
		m.silences = append(m.silences, newSilence(s))
		m.changes = append(m.changes, PutSilence{s})
		made = append(made, s)
	}
	m.muteBy(m.silences[old:], now)
	return made, nil
}

// endSilences ends those that have not ended and that chosen is true of.
func (m *machine) endSilences(chosen func(*Silence) bool, now time.Time) []Silence {
	var ended []Silence
	for _, s := range m.silences {
		if !s.Until.After(now) || !chosen(&s.Silence) {
			continue
		}
		s.Until = now
		s.From = minTime(s.From, now)
		m.changes = append(m.changes, PutSilence{s.Silence})
		ended = append(ended, s.Silence)
	}
	if len(ended) > 0 {
		m.muteAll(now)
	}
	return ended
}

func minTime(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// muteBy looks at what new silences are for. Others need not be looked at for that.
func (m *machine) muteBy(fresh []*silence, now time.Time) {
	for _, s := range fresh {
		m.mutesNext(s, now)
	}
	fresh = slices.DeleteFunc(slices.Clone(fresh), func(s *silence) bool { return !s.active(now) })
	if len(fresh) == 0 {
		return
	}
	for id, p := range m.instances {
		a := m.alerts[id]
		for _, i := range p.live() {
			p.silenced[i.N-1] = longest(fresh, i.alone(a), now, p.silenced[i.N-1])
		}
	}
	for _, name := range sortedKeys(m.groups) {
		for _, a := range m.groups[name].queue {
			if m.instances[a.ID] != nil || longest(fresh, a, now, nil) != nil {
				m.mute(a, now)
			}
		}
	}
}

// mutesNext has alerts looked at when a silence begins and when it ends.
func (m *machine) mutesNext(s *silence, now time.Time) {
	for _, at := range [...]time.Time{s.From, s.Until} {
		if at.After(now) && (m.nextMute.IsZero() || at.Before(m.nextMute)) {
			m.nextMute = at
		}
	}
}

// muteAll looks at all alerts that wait, and finds out when that is to be done
// again.
func (m *machine) muteAll(now time.Time) {
	m.nextMute = time.Time{}
	m.mutes++
	all := slices.Clone(m.silences)
	for _, name := range sortedKeys(m.groups) {
		m.groups[name].maintain(now)
		all = append(all, m.groups[name].maintained...)
	}
	for _, s := range all {
		m.mutesNext(s, now)
	}
	for _, name := range sortedKeys(m.groups) {
		for _, a := range m.groups[name].queue {
			m.mute(a, now)
		}
	}
}

// silencing is the silence for an alert that lasts longest, or nil.
func (m *machine) silencing(a *Alert, now time.Time) *silence {
	return longest(m.groups[a.Workgroup].maintained, a, now, longest(m.silences, a, now, nil))
}

// longest is the one of silences, or by, that lasts longest for an alert.
func longest(all []*silence, a *Alert, now time.Time, by *silence) *silence {
	for _, s := range all {
		if s.active(now) && (by == nil || s.Until.After(by.Until)) && s.matches(a) {
			by = s
		}
	}
	return by
}

// silencer is the silence because of which nobody is asked about an alert, or nil.
// Of one that is grouped all instances have to be silenced: it is the silence that
// is the first of them to end.
func (m *machine) silencer(a *Alert, now time.Time) *silence {
	p := m.instances[a.ID]
	if p == nil {
		return m.silencing(a, now)
	}
	anew := p.mutes != m.mutes
	p.mutes = m.mutes
	var by *silence
	loud := false
	for _, i := range p.order {
		if !i.Over.IsZero() {
			continue
		}
		s := p.silenced[i.N-1]
		if anew || s != nil && !s.active(now) {
			s = m.look(a, i, now)
		}
		switch {
		case s == nil && !anew:
			return nil
		case s == nil:
			loud = true
		case by == nil || s.Until.Before(by.Until):
			by = s
		}
	}
	if loud {
		return nil
	}
	return by
}

// look finds out what silences an instance: when it has changed, or the silences
// have. There may be many of both.
func (m *machine) look(a *Alert, i *Instance, now time.Time) *silence {
	s := m.silencing(i.alone(a), now)
	m.instances[a.ID].silenced[i.N-1] = s
	return s
}

// mute notes whether a silence is for an alert that waits.
func (m *machine) mute(a *Alert, now time.Time) {
	by := m.silencer(a, now)
	switch {
	case by == nil && a.Muted.IsZero(), by != nil && by.Until.Equal(a.Muted):
		return
	case by == nil:
		a.Muted = time.Time{}
		m.note(a, now, "unsilenced", "", "")
		m.wake(a, now.Add(m.retry(a)))
	default:
		was := a.Muted
		a.Muted = by.Until
		a.rewind()
		m.dropOffers(a, "", "silenced by "+cmp.Or(by.By, by.Reason), now)
		if was.IsZero() {
			m.note(a, now, "silenced", by.By, strings.TrimSpace(fmt.Sprintf("until %s %s", by.Until.UTC().Format("2006-01-02 15:04 MST"), by.Reason)))
		}
	}
	m.touch(a)
	m.wakeWaiting(a, now)
	m.dirty[a.Workgroup] = struct{}{}
}
