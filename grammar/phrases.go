package grammar

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// phrasesFound gives the phrases of the verb that the words hold, with the tokens
// of each, and marks their words. Each word weighs two, a form that was made of
// it less.
func (b *binding) phrasesFound() (found []*phrase, at [][]int, words int) {
	type hit struct {
		phrase, piece, at int
		made              bool // a form that was made, not given
	}
	var hits []hit
	for i := range b.toks {
		if b.toks[i].class != tTerm && b.toks[i].class != tCmp {
			continue
		}
		for _, x := range b.toks[i].terms {
			if x.role == roleHead {
				hits = append(hits, hit{int(x.a), int(x.b), i, x.forms != formPlain})
			}
		}
	}
	check := func(p *phrase) {
		where := make([]int, 0, 2)
		last, made := -1, 0
		for j := range p.pieces {
			ok := false
			for _, h := range hits {
				if h.phrase == p.order && h.piece == j && h.at > last {
					where, last, ok = append(where, h.at), h.at, true
					if h.made {
						made++
					}
					break
				}
			}
			if !ok {
				return
			}
		}
		for _, n := range p.needs {
			if without, ok := strings.CutPrefix(n, "-"); ok == b.named(cmp.Or(without, n)) {
				return
			}
		}
		found, at = append(found, p), append(at, where)
		words -= made
		if slices.Contains(p.needs, "kin") {
			words += 3 // goes on with what was talked about
			b.kin = true
		}
		for _, piece := range p.pieces {
			if b.pron == "" && slices.Contains(piece, "them") {
				b.pron = "them" // install them
			}
		}
		for _, i := range where {
			if !b.used[i] || len(b.toks[i].terms) > 0 {
				words += 2 * (b.toks[i].to - b.toks[i].from)
			}
			b.used[i] = true
		}
		// The same piece said twice is the same word twice.
		for _, h := range hits {
			if h.phrase == p.order {
				b.used[h.at] = true
			}
		}
	}
	seen := -1
	slices.SortFunc(hits, func(x, y hit) int {
		if x.phrase != y.phrase {
			return x.phrase - y.phrase
		}
		return x.at - y.at
	})
	for _, h := range hits {
		if h.phrase != seen {
			seen = h.phrase
			check(&b.vb.phrases[seen])
		}
	}
	if len(found) == 0 {
		for i := range b.vb.phrases {
			if p := &b.vb.phrases[i]; len(p.pieces) == 0 {
				check(p)
			}
		}
	}
	return found, at, words
}

// named reports whether what a phrase needs was said.
func (b *binding) named(need string) bool {
	switch need {
	case "hosts":
		return b.asked || b.pron != "" && !b.fr.hosts.IsZero()
	case "noun":
		return b.noun
	case "where":
		return len(b.where) > 0
	case "kin": // the line before was about such things
		return b.fr.last != nil && family(b.fr.last.Method) == family(b.vb.Method)
	case "which": // a question for hosts rather than about them
		return slices.ContainsFunc(b.toks, func(t token) bool {
			return t.is("ask") && slices.Contains([]string{"which", "which are", "which is", "who", "who is", "who 's", "list", "list me", "any", "are there", "how many", "what are", "anyone", "are any"}, strings.ToLower(t.text))
		})
	}
	i, ok := b.vb.argIdx[need]
	if !ok {
		return false
	}
	if _, ok := b.args[need]; ok || len(b.units[need]) > 0 || b.many == i {
		return true
	}
	if b.pron == "it" || b.fr.edit {
		return b.fr.objects[b.vb.Args[i].Kind] != nil
	}
	return false
}

// carry applies what a phrase carries; what was said wins.
func (b *binding) carry(p *phrase) bool {
	for k, v := range p.set {
		switch k {
		case "sort":
			if b.vb.sort < 0 {
				if b.sort == "" {
					b.sort = v
				}
				if strings.HasPrefix(v, "-") != strings.HasPrefix(b.sort, "-") {
					b.sort = strings.TrimPrefix(b.sort, "-")
					if v[0] == '-' {
						b.sort = "-" + b.sort
					}
				}
				b.super = true
				continue
			}
		case "limit":
			n, _ := strconv.Atoi(v)
			if b.limit == 0 {
				b.take(float64(n))
			}
			continue
		case "where":
			for _, op := range []string{"<=", ">=", "!=", "<", ">", "="} {
				if f, val, ok := strings.Cut(v, op); ok {
					b.filter(Filter{Field: f, Op: op, Value: literal(val)})
					break
				}
			}
			continue
		}
		a := b.vb.Args[b.vb.argIdx[k]]
		if _, said := b.args[k]; said {
			continue
		}
		if a.List {
			b.args[k] = strings.Fields(v)
			continue
		}
		switch a.Kind {
		case KindInt, KindSeconds, KindBool, KindNumber, KindBytes, KindPercent:
			b.args[k] = literal(v)
		default:
			b.args[k] = v
		}
	}
	return true
}

// literal reads a value of the vocabulary's notation.
func literal(s string) any {
	switch s {
	case "true":
		return true
	case "false":
		return false
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n
	}
	if f, err := strconv.ParseFloat(s, 64); err == nil {
		return f
	}
	return s
}
