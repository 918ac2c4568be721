package rpc

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"
)

// TestRefusalsDoNotFlood: whoever is refused a thousand times writes one warning
// a minute, and a thousand of them not one each.
func TestRefusalsDoNotFlood(t *testing.T) {
	var buf bytes.Buffer
	now := time.Date(2026, 11, 20, 14, 0, 0, 0, time.UTC)
	mux := NewServeMux(Options{
		Allow: func(j jid.JID) bool { return j.Localpart() == "bot" },
		Now:   func() time.Time { return now }, Log: slog.New(slog.NewTextHandler(&buf, nil)),
	})
	warnings := func(from string, typ stanza.IQType, body string) int {
		buf.Reset()
		for i := range 1000 {
			iq := stanza.IQ{ID: fmt.Sprint(i), Type: typ, From: jid.MustParse(fmt.Sprintf("%s/%d", from, i))}
			if _, err := mux.HandleIQ(t.Context(), iq, parse(body)); err == nil {
				t.Fatal("not refused")
			}
		}
		return strings.Count(buf.String(), "level=WARN")
	}
	if n := warnings("eve@example.net", stanza.SetIQ, ""); n != 1 {
		t.Errorf("%d warnings of a stranger", n)
	}
	if n := warnings("bot@example.net", stanza.GetIQ, ""); n != 1 {
		t.Errorf("%d warnings of the wrong type", n)
	}
	now = now.Add(refusalEvery)
	if n := warnings("eve@example.net", stanza.SetIQ, ""); n != 1 || !strings.Contains(buf.String(), "more=999") {
		t.Errorf("%d warnings a minute later: %s", n, buf.String())
	}
	if n := warnings("bot@example.net", stanza.SetIQ, "<a xmlns='b'/>"); n != 1 {
		t.Errorf("%d warnings of payloads that are no calls", n)
	}
	buf.Reset()
	for i := range 10 * maxRefused {
		iq := stanza.IQ{ID: "1", Type: stanza.SetIQ, From: jid.MustParse(fmt.Sprintf("eve%d@example.net/x", i))}
		if _, err := mux.HandleIQ(t.Context(), iq, parse("")); err == nil {
			t.Fatal("not refused")
		}
	}
	if n := strings.Count(buf.String(), "level=WARN"); n > maxRefused+1 {
		t.Errorf("%d warnings of many strangers", n)
	}
	if n := len(mux.refused.callers); n > maxRefused+1 {
		t.Errorf("%d callers are remembered", n)
	}
}
