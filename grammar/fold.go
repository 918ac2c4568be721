package grammar

import (
	"slices"
	"strings"
)

// Fold writes host names as ranges: web01 web02 web03 db01 is
// "db01, web[01-03]". Names are sorted; the result reads back as the same set.
func Fold(names []string) string { return strings.Join(fold(names), ", ") }

func fold(names []string) []string {
	type key struct {
		prefix string
		width  int
	}
	sorted := slices.Clone(names)
	slices.Sort(sorted)
	sorted = slices.Compact(sorted)
	numbers := map[key][]int{}
	keys := make([]key, len(sorted)) // width 0: a name that is no number
	for i, name := range sorted {
		k := len(name)
		for k > 0 && name[k-1] >= '0' && name[k-1] <= '9' {
			k--
		}
		keys[i] = key{prefix: name}
		if n, ok := digits(name[k:]); ok && k > 0 {
			keys[i] = key{name[:k], len(name) - k}
			numbers[keys[i]] = append(numbers[keys[i]], n)
		}
	}
	var out []string
	done := map[key]bool{}
	for i, k := range keys {
		switch {
		case k.width == 0:
			out = append(out, sorted[i])
			continue
		case done[k]:
			continue
		}
		done[k] = true
		ns := numbers[k]
		slices.Sort(ns)
		if len(ns) == 1 {
			out = append(out, sorted[i])
			continue
		}
		var spans []span
		for _, n := range ns {
			if j := len(spans); j > 0 && spans[j-1].to == n-1 {
				spans[j-1].to = n
			} else {
				spans = append(spans, span{n, n, k.width})
			}
		}
		out = append(out, Selector{&selNode{op: selRange, text: k.prefix, spans: spans}}.String())
	}
	return out
}
