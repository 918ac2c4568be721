package grammar

import "slices"

// NeedsFacts reports whether resolving s needs more of an inventory than names
// and moods: groups or facts.
func (s Selector) NeedsFacts() bool {
	return s.root.any(func(n *selNode) bool { return n.op == selGroup || n.op == selFact && n.key != "mood" })
}

// NeedsMoods reports whether resolving s needs the moods of an inventory's
// hosts.
func (s Selector) NeedsMoods() bool {
	return s.root.any(func(n *selNode) bool { return n.op == selFact && n.key == "mood" })
}

// any reports whether is holds for n or a node below it.
func (n *selNode) any(is func(*selNode) bool) bool {
	if n == nil {
		return false
	}
	return is(n) || slices.ContainsFunc(n.kids, func(kid *selNode) bool { return kid.any(is) })
}
