package hostagent

import (
	"strings"
	"testing"
	"time"

	"mellium.im/xmpp/jid"

	"adminbot/internal/policy"
)

func TestLetsIn(t *testing.T) {
	now := time.Date(2026, 11, 20, 14, 0, 0, 0, time.UTC)
	caller := jid.MustParse("adminbot@example.net/bot")
	for name, tt := range map[string]struct{ text, want string }{
		"empty":           {"", `lets adminbot@example.net not in` + "\n" + `hint: bots = ["adminbot@example.net"]`},
		"another bot":     {"bots = [\"other@example.net\"]\n[[rule]]\nwho = [\"*\"]\nmay = [\"R\"]\n", "not in"},
		"no rule":         {"bots = [\"adminbot@example.net\"]\n", "no rule of the policy lets adminbot@example.net call host.facts"},
		"a rule for bots": {"[[rule]]\nwho = [\"*\"]\nmay = [\"R\"]\non = [\"web01\"]\n", "on is for the bot"},
		"fine":            {"bots = [\"adminbot@example.net\"]\n[[rule]]\nwho = [\"*\"]\nmay = [\"R\"]\n", ""},
	} {
		p, err := policy.Parse([]byte(tt.text))
		if err != nil {
			t.Fatal(err)
		}
		err = LetsIn(p, caller, now)
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
	if err := LetsIn(nil, caller, now); err == nil {
		t.Error("no policy lets somebody in")
	}
	p, err := policy.ReadOnly(caller)
	if err != nil {
		t.Fatal(err)
	}
	if err := LetsIn(p, caller, now); err != nil {
		t.Errorf("the policy of a host without one: %v", err)
	}
}
