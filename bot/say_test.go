package bot

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"

	"mellium.im/xmpp/jid"

	"adminbot/rpc"
)

// sayClient is `adminbot say` as somebody: a client of the bot's own mux.
func sayClient(w *world, who string) func(line string, more map[string]any) (map[string]any, error) {
	client := &rpc.Client{Transport: rpc.Loopback{Mux: w.bot.Mux(), From: jid.MustParse(who)}}
	return func(line string, more map[string]any) (map[string]any, error) {
		in := map[string]any{"line": line}
		for k, v := range more {
			in[k] = v
		}
		v, err := client.Do(context.Background(), botJID, rpc.MethodCall{Method: "bot.say", Params: []rpc.Value{mustMarshal(in)}})
		out, _ := v.Any().(map[string]any)
		return out, err
	}
}

func mustMarshal(v any) rpc.Value {
	out, err := rpc.Marshal(v)
	if err != nil {
		panic(err)
	}
	return out
}

func TestSay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, smallFleet()...)
		say := sayClient(w, "alice@example.net/say")
		ask := func(line string, more map[string]any, exit int32) map[string]any {
			t.Helper()
			out, err := say(line, more)
			if err != nil {
				t.Fatal(err)
			}
			if out["exit"] != exit {
				t.Errorf("%s: exit %v, want %d: %v", line, out["exit"], exit, out["text"])
			}
			return out
		}
		if out := ask("ping web*", nil, ExitOK); out["asked"] != int32(4) || out["ok"] != int32(4) || len(out["results"].([]any)) != 1 {
			t.Errorf("ping: %v", out)
		}
		// A change runs only when its own plan was confirmed.
		out := ask("restart nginx on web01", nil, ExitNeedsYes)
		hash, _ := out["hash"].(string)
		if !strings.HasPrefix(hash, "sha256:") || out["needs"] != "confirm" || len(w.done()) != 0 {
			t.Errorf("plan: %v", out)
		}
		if again := ask("restart nginx on web01", nil, ExitNeedsYes); again["hash"] != hash {
			t.Errorf("the same sentence has another hash: %v", again["hash"])
		}
		ask("restart nginx on web02", map[string]any{"plan_hash": hash}, ExitNeedsYes)
		if done := w.done(); len(done) != 0 {
			t.Errorf("another plan's hash confirmed it: %v", done)
		}
		ask("restart nginx on web01", map[string]any{"plan_hash": hash}, ExitOK)
		ask("restart nginx on web02", map[string]any{"yes": true}, ExitOK)
		if done := w.done(); len(done) != 2 {
			t.Errorf("done: %v", done)
		}
		// The hash holds while the hosts do.
		all := ask("restart nginx on web*", nil, ExitNeedsYes)["hash"]
		w.add(host("web05", "role=web", "nginx"))
		w.happen("after 5s", "")
		ask("restart nginx on web*", map[string]any{"plan_hash": all.(string)}, ExitNeedsYes)
		// Relative times are hashed as they were said.
		since := ask("dry run: restart nginx on web01", nil, ExitOK)["hash"]
		logs := ask("errors of nginx on web01 in the last 10 minutes", nil, ExitOK)["hash"]
		w.happen("after 3m", "")
		if later := ask("errors of nginx on web01 in the last 10 minutes", nil, ExitOK)["hash"]; later != logs || later == since {
			t.Errorf("hashes: %v then %v", logs, later)
		}
		// Nothing carries over from one line to the next.
		ask("and on web02", nil, ExitNotUnderstood)
		ask("frobnicate web01", nil, ExitNotUnderstood)
		ask("reboot web01 at 3am", nil, ExitNotUnderstood)
		w.hosts["web01"].denies = true
		ask("restart nginx on web01", map[string]any{"yes": true}, ExitRefused)
		w.happen("down web02", "")
		ask("ping web02", nil, ExitNoAnswer)
		ask("ping web01 and web02", nil, ExitMixed)

		if out, err := sayClient(w, "eve@example.net/x")("restart nginx on web01", map[string]any{"yes": true}); err != nil || out["exit"] != int32(ExitRefused) {
			t.Errorf("eve: %v %v", out["text"], err)
		}
		if _, err := sayClient(w, "mallory@example.net/x")("ping web01", nil); err == nil {
			t.Error("a stranger was answered")
		}
		w.done()
	})
}

// TestSecondIsNeverInAdvance: what needs another person is not run by yes nor by
// its hash.
func TestSecondIsNeverInAdvance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, smallFleet()...)
		w.happen("hosts 12", "")
		say := sayClient(w, "alice@example.net/say")
		out, err := say("stop nginx on app*", map[string]any{"yes": true})
		if err != nil || out["exit"] != int32(ExitNeedsYes) || out["needs"] != "second" {
			t.Fatalf("%v %v", out, err)
		}
		out, err = say("stop nginx on app*", map[string]any{"plan_hash": out["hash"]})
		if err != nil || out["exit"] != int32(ExitNeedsYes) || len(w.done()) != 0 {
			t.Fatalf("%v %v", out, err)
		}
	})
}

func TestFleetHosts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, smallFleet()...)
		client := &rpc.Client{Transport: rpc.Loopback{Mux: w.bot.Mux(), From: jid.MustParse("eve@example.net/x")}}
		var out struct {
			Hosts []struct {
				Name   string            `rpc:"name"`
				JID    string            `rpc:"jid"`
				Online bool              `rpc:"online"`
				Facts  map[string]string `rpc:"facts"`
			} `rpc:"hosts"`
			Total int32 `rpc:"total"`
		}
		err := client.Call(context.Background(), botJID, "fleet.hosts", rpc.Envelope{}, map[string]any{"on": "role=db"}, &out)
		if err != nil || len(out.Hosts) != 2 || out.Hosts[0].JID != "db01@hosts.example/agent" || !out.Hosts[0].Online || out.Hosts[1].Facts["site"] != "nyc" {
			t.Errorf("%+v %v", out, err)
		}
		if err := client.Call(context.Background(), botJID, "fleet.hosts", rpc.Envelope{}, map[string]any{"on": "((("}, &out); rpc.FaultCode(err) != rpc.FaultParams {
			t.Errorf("a broken selector: %v", err)
		}
	})
}

// TestAnswerIsOneDocument: the data of an answer is the same as JSON and as an
// XML-RPC value, and fits into a stanza.
func TestAnswerIsOneDocument(t *testing.T) {
	var results []Result
	for i := range 3000 {
		results = append(results, Result{Host: "host" + strings.Repeat("x", i%40), Value: map[string]any{"text": strings.Repeat("y", 100)}})
	}
	c := count(results)
	v, err := sayValue(Reply{Text: "✔ done", Exit: ExitOK, Data: Answer{ID: "7f3", Counts: &c, Results: [][]Result{results}}})
	if err != nil || len(v.AppendXML(nil)) > sayBytes {
		t.Fatalf("%d bytes, %v", len(v.AppendXML(nil)), err)
	}
	m := v.Any().(map[string]any)
	if m["asked"] != int32(3000) || m["text"] != "✔ done" {
		t.Errorf("%v", m)
	}
	text, err := json.Marshal(Answer{ID: "7f3", Counts: &c})
	if err != nil || !strings.Contains(string(text), `"timed_out":0`) {
		t.Errorf("%s %v", text, err)
	}
}
