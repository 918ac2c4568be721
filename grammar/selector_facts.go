package grammar

// NeedsFacts reports whether resolving s needs more of an inventory than names
// and moods: groups or facts.
func (s Selector) NeedsFacts() bool { return s.root.needsFacts() }

func (n *selNode) needsFacts() bool {
	if n == nil {
		return false
	}
	if n.op == selGroup || n.op == selFact && n.key != "mood" {
		return true
	}
	for _, kid := range n.kids {
		if kid.needsFacts() {
			return true
		}
	}
	return false
}
