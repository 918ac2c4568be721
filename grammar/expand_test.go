package grammar

import (
	"slices"
	"strings"
	"testing"
)

func TestExpand(t *testing.T) {
	for _, c := range []struct{ pattern, want string }{
		{"df", "df"},
		{"apply/install updates", "apply updates|install updates"},
		{"apply [the/all] updates", "apply updates|apply the updates|apply all updates"},
		{"(look at/show me) the log", "look at the log|show me the log"},
		{"put ... [back] in/into rotation", "put ... in rotation|put ... into rotation|put ... back in rotation|put ... back into rotation"},
		{"a [b [c/d e]]", "a|a b|a b c|a b d e"},
		{"hold [on] {unit}", "hold {unit}|hold on {unit}"},
		{"[the]", "the"},
	} {
		got, err := expand(c.pattern)
		if err != nil || strings.Join(got, "|") != c.want {
			t.Errorf("%q: %q %v, want %q", c.pattern, got, err, c.want)
		}
	}
	for _, bad := range []string{"a (b", "a b)", "a [b/c", "(a]", strings.Repeat("a/b/c ", 12)} {
		if got, err := expand(bad); err == nil {
			t.Errorf("%q: read as %q", bad, got)
		}
	}
}

func FuzzExpand(f *testing.F) {
	for _, s := range []string{"a/b [c/d (e/f)]", "((", "][", "a//b", "[/]"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, pattern string) {
		got, err := expand(pattern)
		if err == nil && (len(got) > maxExpanded*2 || slices.ContainsFunc(got, func(s string) bool { return strings.ContainsAny(s, "[]()") })) {
			t.Errorf("%q: %d phrases %q", pattern, len(got), got[:min(len(got), 3)])
		}
	})
}
