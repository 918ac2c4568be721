package grammar

import (
	"cmp"
	"path"
	"slices"
	"strings"
)

// eval resolves a selection against the compiled inventory as sorted host
// indices. The result may be shared. unknown is a name that does not exist.
func (lx *Lexicon) eval(n *selNode) (set []int32, unknown string) {
	switch n.op {
	case selAll:
		return lx.all, ""
	case selName:
		if id, ok := lx.hostIdx[n.text]; ok {
			return lx.all[id : id+1 : id+1], ""
		}
		return nil, n.text
	case selGroup:
		set, ok := lx.groups[n.text]
		if !ok {
			return nil, "@" + n.text
		}
		return set, ""
	case selFact:
		switch n.key {
		case "service":
			return lx.services[n.text], ""
		case "name":
			return lx.eval(&selNode{op: selName, text: n.text})
		}
		if strings.Contains(n.text, "*") {
			for k, on := range lx.facts {
				if v, ok := strings.CutPrefix(k, n.key+"="); ok {
					if ok, _ := path.Match(n.text, v); ok {
						set = union(set, on)
					}
				}
			}
			return set, ""
		}
		return lx.facts[n.key+"="+n.text], ""
	case selGlob:
		lit, _, _ := strings.Cut(n.text, "*")
		lit, _, _ = strings.Cut(lit, "?")
		i, _ := slices.BinarySearch(lx.lower, lit)
		for ; i < len(lx.lower) && strings.HasPrefix(lx.lower[i], lit); i++ {
			if ok, _ := path.Match(n.text, lx.lower[i]); ok {
				set = append(set, int32(i))
			}
		}
		return set, ""
	case selRange:
		i, _ := slices.BinarySearch(lx.lower, n.text)
		for ; i < len(lx.lower) && strings.HasPrefix(lx.lower[i], n.text); i++ {
			if n.has(lx.lower[i]) {
				set = append(set, int32(i))
			}
		}
		return set, ""
	case selNot:
		kid, unknown := lx.eval(n.kids[0])
		return subtract(lx.all, kid), unknown
	case selAnd:
		return lx.evalAnd(n.kids)
	case selOr:
		for i, k := range n.kids {
			kid, u := lx.eval(k)
			unknown = cmp.Or(unknown, u)
			if i == 0 {
				set = kid
			} else {
				set = union(set, kid)
			}
		}
	}
	return set, unknown
}

// evalAnd resolves what all of some selections have in common, the smallest
// set first.
func (lx *Lexicon) evalAnd(kids []*selNode) (set []int32, unknown string) {
	in, out := make([][]int32, 0, len(kids)), make([][]int32, 0, 1)
	for _, k := range kids {
		to := &in
		if k.op == selNot {
			k, to = k.kids[0], &out
		}
		kid, u := lx.eval(k)
		unknown = cmp.Or(unknown, u)
		*to = append(*to, kid)
	}
	slices.SortStableFunc(in, func(a, b []int32) int { return len(a) - len(b) })
	set = lx.all
	for i, s := range in {
		if i == 0 {
			set = s
		} else {
			set = intersect(set, s)
		}
	}
	for _, s := range out {
		set = subtract(set, s)
	}
	return set, unknown
}

func intersect(a, b []int32) []int32 {
	if len(a) > len(b) {
		a, b = b, a
	}
	out := make([]int32, 0, len(a))
	if len(b) > 8*len(a) { // a few hosts of many: look each one up
		for _, v := range a {
			i, found := slices.BinarySearch(b, v)
			if found {
				out = append(out, v)
			}
			b = b[i:]
		}
		return out
	}
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case a[i] < b[j]:
			i++
		case a[i] > b[j]:
			j++
		default:
			out = append(out, a[i])
			i, j = i+1, j+1
		}
	}
	return out
}

// meet reports whether two sets share a host.
func meet(a, b []int32) bool {
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case a[i] < b[j]:
			i++
		case a[i] > b[j]:
			j++
		default:
			return true
		}
	}
	return false
}

func union(a, b []int32) []int32 {
	out := make([]int32, 0, len(a)+len(b))
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case j == len(b) || i < len(a) && a[i] < b[j]:
			out = append(out, a[i])
			i++
		case i == len(a) || b[j] < a[i]:
			out = append(out, b[j])
			j++
		default:
			out = append(out, a[i])
			i, j = i+1, j+1
		}
	}
	return out
}

func subtract(a, b []int32) []int32 {
	out := make([]int32, 0, len(a))
	j := 0
	for _, v := range a {
		for j < len(b) && b[j] < v {
			j++
		}
		if j == len(b) || b[j] != v {
			out = append(out, v)
		}
	}
	return out
}

// names are the hosts of a set; all of them share one slice.
func (lx *Lexicon) names(set []int32) []string {
	if len(set) == len(lx.hosts) {
		return lx.hosts[:len(lx.hosts):len(lx.hosts)]
	}
	out := make([]string, len(set))
	for i, id := range set {
		out[i] = lx.hosts[id]
	}
	return out
}
