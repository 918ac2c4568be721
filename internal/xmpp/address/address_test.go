package address_test

import (
	"testing"

	"mellium.im/xmpp/jid"

	"adminbot/internal/xmpp/address"
)

// FuzzParse: whatever is taken for plain, jid.Parse sees the same in it.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"web01@hosts.example/agent", "hosts.example", "a@b", "a@b/c/d", "a@b@c", "@b", "a@", "a@b/", "/r", "", "A@B/R",
		"a@xn--bcher-kva.example", "a@b-.c", "a@-b", "a@b..c", "a@b.", "a@1.2.3.4", "a@[::1]", "a@1b", "ä@ö/ü", "a b@c", "a@b_c", "-@b/-", ".@b",
		"a@b/..", "a@aa--b", "local", "a@b/c@d", "a/b@c", "a@b.1",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, gotErr := address.Parse(s)
		want, wantErr := jid.Parse(s)
		if (gotErr == nil) != (wantErr == nil) {
			t.Fatalf("%q: %v, jid.Parse says %v", s, gotErr, wantErr)
		}
		if gotErr == nil && (!got.Equal(want) || got.String() != want.String() || got.Localpart() != want.Localpart() || got.Resourcepart() != want.Resourcepart()) {
			t.Fatalf("%q: %q, jid.Parse says %q", s, got, want)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	for b.Loop() {
		if _, err := address.Parse("web01@hosts.example/agent"); err != nil {
			b.Fatal(err)
		}
	}
}
