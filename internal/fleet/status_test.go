package fleet

import (
	"context"
	"encoding/xml"
	"strings"
	"testing"
	"testing/synctest"
	"unicode"

	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"
)

// TestStatusIsOneLine: what a host writes beside its mood is one line without
// anything that a terminal obeys; `adminbot hosts` prints one row a host.
func TestStatusIsOneLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, presence := range map[string]string{
			"status": "<status>ok\nweb02  happy  Happy\u009b31m\u202e\r</status>",
			"reason": "<x xmlns='urn:adminbot:mood:0' mood='sad' score='1' seq='1'><reason check='c' points='1'>ok\nweb02  happy  Happy\u009b31m\u202e\r</reason></x>",
		} {
			y := newYard(t, Config{})
			y.SetRoster([]Contact{contact("web01")})
			y.HandlePresence(context.Background(), stanza.Presence{From: jid.MustParse(contact("web01").JID.String() + "/agent")}, xml.NewDecoder(strings.NewReader(presence)))
			h, _ := y.Find("web01")
			if !h.Online || h.Status == "" {
				t.Fatalf("%s: %+v", name, h)
			}
			if i := strings.IndexFunc(h.Status, func(r rune) bool { return unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp) }); i >= 0 {
				t.Errorf("%s: %q", name, h.Status)
			}
		}
	})
}

// TestHostNames: a name that fills a screen is no host's. Control characters
// cannot be in an address.
func TestHostNames(t *testing.T) {
	y := newYard(t, Config{})
	y.SetRoster([]Contact{contact("größe"), contact("web01"), contact(strings.Repeat("x", 300))})
	if n := y.Len(); n != 2 {
		t.Errorf("%d hosts", n)
	}
}
