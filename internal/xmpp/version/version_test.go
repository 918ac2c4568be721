package version_test

import (
	"testing"

	"adminbot/internal/xmpp/version"
)

func TestRoundTrip(t *testing.T) {
	for _, want := range []version.Info{{}, {Name: "AdminBot", Version: "1", OS: "Linux"}, {Name: "a"}} {
		if got := version.Parse(want.Element()); got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
	if n := len(version.Info{}.Element().Children); n != 0 {
		t.Errorf("a query with %d children", n)
	}
}
