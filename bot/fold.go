package bot

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// foldHosts writes host names the short way people and selectors write them:
// web01, web02, web03 and web05 become web[01-03,05]. Names come out in natural
// order (web2 before web10); numbers of different widths are never joined, so
// that the text names exactly the hosts it was made from.
func foldHosts(names []string) string {
	type stem struct {
		before, after string
		width         int
	}
	numbers := map[stem][]int{}
	var order []stem
	var plain []string
	for _, name := range names {
		before, digits, after := numbered(name)
		n, err := strconv.Atoi(digits)
		if digits == "" || err != nil {
			plain = append(plain, name)
			continue
		}
		s := stem{before, after, len(digits)}
		if numbers[s] == nil {
			order = append(order, s)
		}
		numbers[s] = append(numbers[s], n)
	}
	var out []string
	for _, s := range order {
		list := numbers[s]
		slices.Sort(list)
		list = slices.Compact(list)
		if len(list) < 3 {
			for _, n := range list {
				out = append(out, fmt.Sprintf("%s%0*d%s", s.before, s.width, n, s.after))
			}
			continue
		}
		var ranges []string
		for i := 0; i < len(list); {
			j := i
			for j+1 < len(list) && list[j+1] == list[j]+1 {
				j++
			}
			r := fmt.Sprintf("%0*d", s.width, list[i])
			switch {
			case j == i+1:
				r += fmt.Sprintf(",%0*d", s.width, list[j])
			case j > i:
				r += fmt.Sprintf("-%0*d", s.width, list[j])
			}
			ranges = append(ranges, r)
			i = j + 1
		}
		out = append(out, s.before+"["+strings.Join(ranges, ",")+"]"+s.after)
	}
	out = append(out, plain...)
	slices.SortFunc(out, func(a, b string) int { // web[01-03] where web01 would stand
		return natural(strings.Replace(a, "[", "", 1), strings.Replace(b, "[", "", 1))
	})
	return strings.Join(slices.Compact(out), " ")
}

// numbered splits a name around its last run of digits.
func numbered(name string) (before, digits, after string) {
	end := len(name)
	for end > 0 && !digit(name[end-1]) {
		end--
	}
	start := end
	for start > 0 && digit(name[start-1]) {
		start--
	}
	return name[:start], name[start:end], name[end:]
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

// natural orders names as people count: runs of digits by value.
func natural(a, b string) int {
	for i, j := 0, 0; i < len(a) && j < len(b); {
		if digit(a[i]) && digit(b[j]) {
			x, y := i, j
			for x < len(a) && digit(a[x]) {
				x++
			}
			for y < len(b) && digit(b[y]) {
				y++
			}
			m, n := strings.TrimLeft(a[i:x], "0"), strings.TrimLeft(b[j:y], "0")
			if c := cmp.Or(cmp.Compare(len(m), len(n)), cmp.Compare(m, n)); c != 0 {
				return c
			}
			i, j = x, y
			continue
		}
		if a[i] != b[j] {
			return cmp.Compare(a[i], b[j])
		}
		i, j = i+1, j+1
	}
	return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
}

// someHosts names hosts in at most limit runes: all of them one by one where
// there are few, folded where there are many, and "+n" for what does not fit.
func someHosts(names []string, limit int) string {
	sorted := slices.Clone(names)
	slices.SortFunc(sorted, natural)
	if s := strings.Join(sorted, " "); len(names) <= 3 && width(s) <= limit {
		return s
	}
	s := foldHosts(names)
	if width(s) <= limit {
		return s
	}
	// Too many stems: take names until the line is full.
	var kept []string
	for i, name := range sorted {
		more := fmt.Sprintf(" +%d", len(sorted)-i)
		if width(foldHosts(append(kept, name)))+width(more) > limit {
			if i == 0 {
				return cut(name, max(1, limit-width(more))) + fmt.Sprintf(" +%d", len(sorted)-1)
			}
			return foldHosts(kept) + more
		}
		kept = append(kept, name)
	}
	return foldHosts(kept)
}
