package grammar

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzParse: no line panics, no line costs more than the bounds allow, and no
// write comes of a line with letters or signs that a person did not mean.
func FuzzParse(f *testing.F) {
	lx := testLexicon(f)
	for _, l := range sentences(f) {
		f.Add("", l)
		f.Add("restart nginx on web01", l)
	}
	f.Add("cpu on web01", "same for \u202estaging")
	f.Add("", "restart nginx on web01\x00\x1b[31m")
	f.Add("", strings.Repeat("and ", 60))
	f.Add("", "[[[[[[{{{{((((")
	f.Add("", "web[1-999999],web[00000000-1]")
	f.Fuzz(func(t *testing.T, before, line string) {
		now := lx.Inventory().Now
		var prev []Reading
		if before != "" {
			prev = append(prev, lx.Parse(nil, before, now))
		}
		r, stats := lx.ParseStats(prev, line, now)
		bounded(t, line, stats)
		if r.Status != OK {
			if len(r.Commands) > 0 {
				t.Errorf("%q is %s with commands", line, r.Status)
			}
			return
		}
		again := lx.Parse(nil, r.Canonical, now)
		for _, c := range r.Commands {
			if !lx.write(c.Method) || c.DryRun || c.Method == methodCancel || c.Method == methodConfirm {
				continue
			}
			for _, x := range line {
				if x > 0x24f && x != '\u2019' && x != '\u2018' && x != '\u201c' && x != '\u201d' && x != '\u2026' && !(x >= 0x2000 && x <= 0x203a) && x != 0x3000 && x != 0x2264 && x != 0x2265 && x != 0x2260 && x != 0x2212 && x != 0xfe0f && x != 0xfe0e && x != 0x2bc && x != 0x2032 && x != 0x2033 {
					if !quotedIn(c, x) {
						t.Errorf("%q plans %s with %U", line, c.Method, x)
					}
				}
			}
			if !utf8.ValidString(line) {
				t.Errorf("%q plans %s of invalid text", line, c.Method)
			}
			if c.Hosts != nil && len(c.Hosts) == 0 {
				t.Errorf("%q plans %s on no host", line, c.Method)
			}
			if again.Status != OK {
				t.Errorf("%q: canonical %q is %s", line, r.Canonical, again.Status)
			}
		}
	})
}

// quotedIn reports whether a sign stands in free text of the command.
func quotedIn(c Command, x rune) bool {
	for _, v := range c.Args {
		if s, ok := v.(string); ok && strings.ContainsRune(s, x) {
			return true
		}
	}
	return false
}

// bounded asserts the bounds on the work for one line, as counts.
func bounded(t testing.TB, line string, s Stats) {
	t.Helper()
	if s.Words > maxWords && !s.Refused {
		t.Errorf("%q: %d words", line, s.Words)
	}
	if s.Rereads > maxRereads {
		t.Errorf("%q: read again %d times", line, s.Rereads)
	}
	if n := maxStreamsLine * (1 + maxRereads); s.Streams > n {
		t.Errorf("%q: %d streams", line, s.Streams)
	}
	if n := maxStreamsLine * maxWords; s.Tokens > n {
		t.Errorf("%q: %d tokens", line, s.Tokens)
	}
}

// TestBounds: the work for a line stays small for the lines people type, and
// within the bounds for lines made to be dear.
func TestBounds(t *testing.T) {
	lx := testLexicon(t)
	total, lines := 0, 0
	for _, l := range sentences(t) {
		r, s := lx.ParseStats(nil, l, lx.Inventory().Now)
		bounded(t, l, s)
		if r.Status == OK {
			total, lines = total+s.Streams, lines+1
		}
	}
	if mean := float64(total) / float64(lines); mean > 6 {
		t.Errorf("%.1f token streams for a sentence that is read, want at most 6", mean)
	}
	for _, l := range []string{
		strings.Repeat("check ", 90), strings.Repeat("on web01 and ", 30), strings.Repeat("home storage mail load http ", 18),
		strings.Repeat("restart nginx on web01; ", 15), strings.Repeat("last ", 90), strings.Repeat("a", MaxLine), strings.Repeat("a b ", 400),
		strings.Repeat("1 and ", 45), strings.Repeat("status of the ", 30), "restart " + strings.Repeat("nginx and ", 40) + "nginx on web01",
		strings.Repeat("not ", 90), strings.Repeat("\"x\" ", 90), strings.Repeat("web* & ", 45),
		"disk " + strings.Repeat("web* except db* ", 30), "disk on " + strings.Repeat("web* and db* except mail* ", 18), strings.Repeat("over 5 ", 45),
		"disk on " + strings.Repeat("!web* ", 80), strings.Repeat("between 1 and 2 ", 23), strings.Repeat("1h ", 90),
	} {
		_, s := lx.ParseStats(nil, l, lx.Inventory().Now)
		bounded(t, l, s)
		if len(l) > MaxLine && !s.Refused {
			t.Errorf("%d bytes were not refused", len(l))
		}
	}
}
