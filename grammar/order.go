package grammar

import (
	"math"
	"strings"
)

// take reads a limit.
func (b *binding) take(n float64) bool {
	if n != math.Trunc(n) || n < 1 || n > 10000 {
		return false
	}
	if b.vb.limit >= 0 {
		return b.set1(b.vb.limit, int64(n))
	}
	if b.vb.Write || b.limit != 0 {
		return false
	}
	b.limit, b.filled = int(n), true
	return true
}

// order reads "by load" and "most memory".
func (b *binding) order(s *sortPart, from, to int) {
	if s.Dir != nil {
		b.direction(b.tok(s.Dir).text, from, to)
		return
	}
	var terms []ref
	sign, given := "-", false
	if s.By != nil {
		terms = s.By.Terms
		if s.By.Dir != nil {
			given = true
			if !descends(b.tok(s.By.Dir).text, b.fieldOf(terms)) {
				sign = ""
			}
		}
	} else {
		terms = s.Super.Terms
		given = true
		if b.tok(s.Super.Super).text == "+" {
			sign = ""
		}
		b.super = true
	}
	if b.vb.Write {
		return
	}
	if b.vb.sort >= 0 {
		for i := range terms {
			if x := b.tok(&terms[i]).has(b.v, roleArgValue); x != nil && int(x.a) == b.vb.sort {
				if b.set1(b.vb.sort, b.vb.Args[x.a].Values[x.b].Value) {
					b.use(from, to)
				}
				return
			}
		}
	}
	for i := range terms {
		if x := b.tok(&terms[i]).has(b.v, roleField); x != nil {
			f := b.sortField(b.tok(&terms[i]))
			if b.sort == "" || strings.TrimPrefix(b.sort, "-") != f {
				if b.sort != "" && strings.HasPrefix(b.sort, "-") != (sign == "-") && !given {
					sign = ""
				}
			} else if !given {
				sign = b.sort[:len(b.sort)-len(f)]
			}
			b.sort, b.filled = sign+f, true
			b.use(from, to)
			return
		}
	}
	if s.Super != nil {
		// "been up the longest": the field stands before.
		for i := from - 1; i >= 0 && b.sort == ""; i-- {
			t := &b.toks[i]
			if t.class == tTerm && t.has(b.v, roleField) != nil {
				b.sort, b.filled = sign+b.sortField(t), true
				b.use(from, from+1)
				return
			}
			if t.class != tTerm && !(t.class == tWord && t.is("det")) {
				break
			}
		}
		if f := b.mainField(KindPercent); f >= 0 && b.sort == "" {
			b.sort, b.filled = sign+b.vb.Fields[f].Name, true
			b.soft++ // no field was named
			b.use(from, from+1)
			for i := range terms {
				b.other(terms[i].Pos.Offset)
			}
		} else if b.vb.sort >= 0 || b.sort != "" {
			b.use(from, from+1)
		}
		return
	}
	for i := range terms {
		b.term(terms[i].Pos.Offset)
	}
}

// direction reads "load of the web servers, highest first": what the order is
// by was said before.
func (b *binding) direction(dir string, from, to int) {
	if b.vb.Write || b.vb.sort >= 0 {
		return
	}
	f := strings.TrimPrefix(b.sort, "-")
	for i := 0; i < from && f == ""; i++ {
		if t := &b.toks[i]; t.class == tTerm && t.has(b.v, roleField) != nil {
			f = b.sortField(t)
		}
	}
	if m := b.mainField(KindPercent); f == "" && m >= 0 {
		f = b.vb.Fields[m].Name
	}
	if f == "" {
		return
	}
	if b.sort = f; descends(dir, f) {
		b.sort = "-" + f
	}
	b.filled = true
	b.use(from, to)
}

// fieldOf is the field that the first of the words names which can be ordered, or "".
func (b *binding) fieldOf(terms []ref) string {
	for i := range terms {
		if t := b.tok(&terms[i]); t.has(b.v, roleField) != nil {
			return b.sortField(t)
		}
	}
	return ""
}

// descends reports whether an order begins with the greatest values. The worst of
// what is left is the least.
func descends(dir, field string) bool {
	left := strings.HasPrefix(field, "free_") || strings.HasPrefix(field, "available_") || strings.HasPrefix(field, "actual_") || strings.Contains(field, "_free_")
	return dir == "-" || dir == "worst" && !left || dir == "best" && left
}

// sortField is the field of a word that can be ordered, numbers first.
func (b *binding) sortField(t *token) string {
	best := ""
	for _, x := range t.terms {
		if int(x.verb) != b.v || x.role != roleField {
			continue
		}
		f := b.vb.Fields[x.a]
		if f.Main || best == "" {
			best = f.Name
		}
		if f.Main {
			break
		}
	}
	return best
}

func (b *binding) mainField(k Kind) int {
	for i, f := range b.vb.Fields {
		if f.Main && f.kind() == k {
			return i
		}
	}
	for i, f := range b.vb.Fields {
		if f.Main && k == KindPercent {
			return i
		}
	}
	return -1
}
