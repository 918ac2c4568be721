package grammar

import "slices"

// abbreviate lets every phrase below n be said with short forms in place of
// words: "sec updates" for "security updates". Where the short form is a word
// of its own ("sec" is also a second), only what follows it is added.
func (n *node) abbreviate(shorts map[string][]string) {
	type link struct {
		short string
		long  *node
	}
	var links []link
	for word, kid := range n.kids {
		kid.abbreviate(shorts)
		for _, s := range shorts[word] {
			links = append(links, link{s, kid})
		}
	}
	for _, l := range links {
		own := n.kids[l.short]
		switch {
		case own == nil:
			n.kids[l.short] = l.long
			continue
		case own == l.long:
			continue
		case len(own.closed)+len(own.terms) == 0: // only begins phrases: "pkg list"
			own.closed, own.terms = slices.Clone(l.long.closed), slices.Clone(l.long.terms)
		}
		own.adopt(l.long)
	}
}

// adopt adds the phrases below m to those below n.
func (n *node) adopt(m *node) {
	for word, kid := range m.kids {
		own := n.kids[word]
		switch {
		case n.kids == nil:
			n.kids = map[string]*node{word: kid}
		case own == nil:
			n.kids[word] = kid
		case own != kid:
			own.adopt(kid)
		}
	}
}
