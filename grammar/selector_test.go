package grammar

import (
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
)

func TestSelector(t *testing.T) {
	inv := testLexicon(t).Inventory()
	for _, c := range []struct{ text, want string }{
		{"web01", "web01"},
		{"WEB01", "web01"},
		{"web*", "web01 web02 web03 web04"},
		{"web0?", "web01 web02 web03 web04"},
		{"web[01-02,04]", "web01 web02 web04"},
		{"web[01-99]", "web01 web02 web03 web04"},
		{"@frontends", "lb01 web01 web02 web03"},
		{"role=db", "db01 db02 db03"},
		{"os=ubuntu*", "build01"},
		{"mood=sad", "mail web02"},
		{"service=nginx", "web01 web02 web03 web04"},
		{"*", "build01 cache01 db01 db02 db03 lb01 mail nas web01 web02 web03 web04"},
		{"* !web* !db*", "build01 cache01 lb01 mail nas"},
		{"role=web&site=nyc", "web03 web04"},
		{"role=web site=nyc", "web03 web04"},
		{"role=db&site=ams,@frontends", "db01 lb01 web01 web02 web03"},
		{"web*!web03", "web01 web02 web04"},
		{"!role=web & site=ams", "cache01 db01 lb01 mail nas"},
		{"nosuch", ""},
	} {
		s, err := ParseSelector(c.text)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if got := strings.Join(s.Resolve(inv), " "); got != c.want {
			t.Errorf("%s: got %s, want %s", c.text, got, c.want)
		}
	}
	for _, bad := range []string{"", " ", ",", "web01,", "web[", "web[x]", "web[3-1]", "@", "role=", "=db", "we b;01|", "a,,b", "<script>", strings.Repeat("a,", 3000)} {
		if s, err := ParseSelector(bad); err == nil {
			t.Errorf("%q: read as %s", bad, s)
		}
	}
}

func TestSelectorUnknown(t *testing.T) {
	inv := testLexicon(t).Inventory()
	s, err := ParseSelector("web01,web99,@nosuch,role=db,role=queue,mood=dead&x*")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := s.Unknown(inv), []string{"web99", "@nosuch", "role=queue", "x*"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestSelectorText: what a selector is written as selects the same hosts,
// whatever it was put together from; the compiled and the plain resolution agree.
func TestSelectorText(t *testing.T) {
	lx := testLexicon(t)
	inv := lx.Inventory()
	rng := rand.New(rand.NewPCG(1, 2))
	atoms := []string{"web01", "web*", "web[01-03]", "@frontends", "@databases", "role=db", "site=nyc", "mood=sad", "*", "service=nginx", "os=debian*"}
	var build func(depth int) Selector
	build = func(depth int) Selector {
		if depth == 0 || rng.IntN(4) == 0 {
			s, err := ParseSelector(atoms[rng.IntN(len(atoms))])
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		a, b := build(depth-1), build(depth-1)
		switch rng.IntN(3) {
		case 0:
			return a.And(b)
		case 1:
			return a.Or(b)
		}
		return a.Except(b)
	}
	for range 2000 {
		s := build(3)
		again, err := ParseSelector(s.String())
		if err != nil {
			t.Fatalf("%s: %v", s, err)
		}
		want := s.Resolve(inv)
		if got := again.Resolve(inv); !reflect.DeepEqual(got, want) {
			t.Fatalf("%s: %v, read back %v", s, want, got)
		}
		set, _ := lx.eval(s.root)
		if got := append([]string{}, lx.names(set)...); !reflect.DeepEqual(got, want) {
			t.Fatalf("%s: resolved %v, compiled %v", s, want, got)
		}
	}
}

// TestSelectorTangled: a selection that would multiply out without end has no
// text, and is no selection of a line.
func TestSelectorTangled(t *testing.T) {
	s := Names("a", "b")
	for range 40 {
		s = s.And(Names("a", "b"))
	}
	if text := s.String(); text != "" {
		t.Errorf("%d bytes", len(text))
	}
	lx := testLexicon(t)
	if r := lx.Parse(nil, "disk on "+strings.Repeat("web* and db* except mail* ", 18), lx.Inventory().Now); r.Status != Unknown {
		t.Errorf("%s", r.Status)
	}
}

func TestFold(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"web01 web02 web03 db01", "db01, web[01-03]"},
		{"web01 web03", "web[01,03]"},
		{"a1 a2 a10", "a[1-2], a10"},
		{"mail", "mail"},
		{"2001", "2001"},
		{"n9 n10 n11", "n[10-11], n9"},
		{"", ""},
	} {
		if got := Fold(strings.Fields(c.in)); got != c.want {
			t.Errorf("%s: got %s, want %s", c.in, got, c.want)
		}
	}
}

func FuzzSelector(f *testing.F) {
	inv := testLexicon(f).Inventory()
	for _, s := range []string{"web01", "web[01-10,12]x", "@g&role=db,!mood=sad", "* !web*", "!!a", "a b,c&d!e"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseSelector(text)
		if err != nil {
			return
		}
		again, err := ParseSelector(s.String())
		if err != nil {
			t.Fatalf("%q: %q: %v", text, s, err)
		}
		if !reflect.DeepEqual(again.Resolve(inv), s.Resolve(inv)) {
			t.Fatalf("%q is not %q", text, s)
		}
	})
}
