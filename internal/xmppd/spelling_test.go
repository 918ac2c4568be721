package xmppd

import (
	"encoding/base64"
	"strings"
	"testing"

	"adminbot/internal/account"
)

// TestSpellings: an account is one account however its name is written, for
// the tries it has as for the salt it shows, or would show if it existed.
func TestSpellings(t *testing.T) {
	st := newStage(t, nil)
	st.store.add(t, "alice", account.User)
	auth := func(p *peer, mechanism, text string) string {
		p.send(t, streamOpen)
		p.next(t)
		p.next(t)
		p.send(t, "<auth xmlns='"+NSSASL+"' mechanism='"+mechanism+"'>"+base64.StdEncoding.EncodeToString([]byte(text))+"</auth>")
		return p.next(t)
	}
	salt := func(user string) string {
		got := auth(st.connect(t), "SCRAM-SHA-256", "n,,n="+user+",r=0123456789abcdef")
		b, err := base64.StdEncoding.DecodeString(strings.TrimSuffix(strings.TrimPrefix(got, "<challenge xmlns='"+NSSASL+"'>"), "</challenge>"))
		if err != nil {
			t.Fatalf("%s: %v", got, err)
		}
		return strings.Split(string(b), ",")[1]
	}
	for _, spelling := range [][2]string{{"alice", "ALICE"}, {"nobody", "NOBODY"}, {"nobody", "\uff4eobody"}} {
		if a, b := salt(spelling[0]), salt(spelling[1]); a != b {
			t.Errorf("%s shows %s and %s shows %s: that tells which of two names exists", spelling[0], a, spelling[1], b)
		}
	}
	for range pairTries {
		auth(st.connect(t), "PLAIN", "\x00alice\x00wrong")
	}
	if got := auth(st.connect(t), "PLAIN", "\x00ALICE\x00wrong"); !strings.Contains(got, "temporary-auth-failure") {
		t.Errorf("another spelling has tries of its own: %s", got)
	}
}
