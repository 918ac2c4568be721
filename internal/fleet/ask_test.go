package fleet

import (
	"context"
	"slices"
	"testing"

	"mellium.im/xmpp/jid"

	"adminbot/agentapi"
	"adminbot/rpc"
)

// TestAskWrongTypes: results of the wrong type are not taken for answers, and
// what could be read stays.
func TestAskWrongTypes(t *testing.T) {
	odd := map[string]rpc.Value{
		"service.list":    rpc.Struct(map[string]rpc.Value{"units": rpc.String("nginx")}),
		"check.list":      rpc.Struct(map[string]rpc.Value{"checks": rpc.Struct(nil)}),
		"sla.get":         rpc.String("ok"),
		"backup.status":   rpc.Struct(map[string]rpc.Value{"backups": rpc.Array(rpc.Struct(map[string]rpc.Value{"name": rpc.Int(1)}))}),
		"failover.status": rpc.Struct(nil),
		"code.list":       rpc.Struct(map[string]rpc.Value{"sets": rpc.Array(rpc.Struct(map[string]rpc.Value{"name": rpc.String("shop")}))}),
	}
	ask := func(facts rpc.Value) (Facts, error) {
		mux := rpc.NewServeMux(rpc.Options{Allow: func(jid.JID) bool { return true }})
		handle := func(name string, v rpc.Value) {
			mux.Handle(name, rpc.HandlerFunc(func(context.Context, *rpc.Request) (rpc.Value, error) { return v, nil }))
		}
		for name, v := range odd {
			handle(name, v)
		}
		handle("host.facts", facts)
		client := &rpc.Client{Transport: rpc.Loopback{Mux: mux, From: jid.MustParse("bot@hosts.example/bot")}}
		return Ask(client)(t.Context(), jid.MustParse("web01@hosts.example/agent"))
	}
	for name, v := range map[string]rpc.Value{
		"a list": rpc.Array(), "a text": rpc.String("web"), "a number as facts": rpc.Struct(map[string]rpc.Value{"facts": rpc.Int(7)}),
	} {
		if f, err := ask(v); err == nil {
			t.Errorf("%s: %+v", name, f)
		}
	}
	got, err := ask(factsOf(t, map[string]string{"role": "web"}))
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"service.list", "check.list", "sla.get", "backup.status"}; !slices.Equal(got.Odd, want) {
		t.Errorf("odd: %q, want %q", got.Odd, want)
	}
	if got.Facts["role"] != "web" || len(got.Services)+len(got.Checks)+len(got.Components)+len(got.Backups) > 0 || !slices.Equal(got.CodeSets, []string{"shop"}) {
		t.Errorf("%+v", got)
	}
}

func factsOf(t *testing.T, facts map[string]string) rpc.Value {
	t.Helper()
	v, err := rpc.Marshal(agentapi.HostFactsResult{Facts: facts})
	if err != nil {
		t.Fatal(err)
	}
	return v
}
