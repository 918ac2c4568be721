package fleet

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// Bounds of what one host can put into everybody's vocabulary.
const (
	maxFacts    = 64
	maxNames    = 1000
	maxNameSize = 64

	maxVocabulary = 10_000 // names of one kind of all hosts together
)

// Tidy is f within bounds: names that could not be said or looked for are left
// out, as are those over the limits.
func (f Facts) Tidy() Facts {
	out := Facts{
		Services: tidyNames(slices.DeleteFunc(slices.Clone(f.Services), notUnit)), Checks: tidyNames(f.Checks), Components: tidyNames(f.Components), Backups: tidyNames(f.Backups),
		FailoverGroups: tidyNames(f.FailoverGroups), Apps: tidyNames(f.Apps), CodeSets: tidyNames(f.CodeSets), Odd: f.Odd,
	}
	keys := make([]string, 0, len(f.Facts))
	for k := range f.Facts {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		if v := f.Facts[k]; len(out.Facts) < maxFacts && nameable(k) && nameable(v) {
			if out.Facts == nil {
				out.Facts = map[string]string{}
			}
			out.Facts[k] = v
		}
	}
	return out
}

func tidyNames(names []string) []string {
	var out []string
	for _, n := range names {
		if nameable(n) {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	out = slices.Compact(out)
	return out[:min(len(out), maxNames)]
}

func nameable(s string) bool {
	if s == "" || len(s) > maxNameSize {
		return false
	}
	for _, r := range s {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune(".-_@:+/", r):
		default:
			return false
		}
	}
	return true
}

// notUnit reports names that no service is looked for by, though an init system
// may allow them: numbers, times and addresses ("5", "30s", "14:00", "10.0.0.1"),
// options, paths and what is written like a selector.
func notUnit(s string) bool {
	if len(s) < 2 || strings.ContainsAny(s, ":/+") || strings.ContainsRune(".-_@", rune(s[0])) || strings.ContainsRune(".-@", rune(s[len(s)-1])) {
		return true
	}
	if _, instance, ok := strings.Cut(s, "@"); ok && strings.Contains(instance, ".") { // bob@example.net
		return true
	}
	unit := strings.TrimLeft(s, "0123456789.-")
	return len(unit) <= 1 && s[0] <= '9'
}

// tally counts who claims which names.
type tally map[string]claim

type claim struct{ hosts, at int }

// add counts the names of one host.
func (t tally) add(names []string) {
	for i, n := range names {
		c, there := t[n]
		if !there || i < c.at {
			c.at = i
		}
		c.hosts++
		t[n] = c
	}
}

// spare drops what one host alone claims and another host is called: it could
// make every sentence about that one ambiguous.
func (t tally) spare(hosts []Host) {
	for _, h := range hosts {
		if t[h.Name].hosts == 1 && !slices.Contains(h.Facts.Services, h.Name) {
			delete(t, h.Name)
		}
	}
}

// names lists at most maxVocabulary of them, sorted. What many hosts have goes
// before what few have, and of that each host's first before any host's second.
func (t tally) names() []string {
	out := slices.Collect(maps.Keys(t))
	if len(out) > maxVocabulary {
		slices.SortFunc(out, func(a, b string) int {
			return cmp.Or(cmp.Compare(t[b].hosts, t[a].hosts), cmp.Compare(t[a].at, t[b].at), strings.Compare(a, b))
		})
		out = out[:maxVocabulary]
	}
	slices.Sort(out)
	return out
}
