package bot

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"mellium.im/xmpp/jid"

	"adminbot/rpc"
)

// TestPagesAreFollowed: what a host lists in several pages is one answer, up to a
// bound; a list that is left cut says so.
func TestPagesAreFollowed(t *testing.T) {
	for _, tt := range []struct{ pages, hosts, rows int }{{1, 1, 2}, {5, 1, 10}, {100, 1, 2 * maxPages}, {100, 2 * manyHosts, 2 * manyPages}} {
		asked := 0
		mux := rpc.NewServeMux(rpc.Options{Allow: func(jid.JID) bool { return true }})
		mux.Handle("service.list", rpc.HandlerFunc(func(_ context.Context, r *rpc.Request) (rpc.Value, error) {
			var args struct {
				State string `rpc:"state"`
				Next  string `rpc:"next,omitempty"`
			}
			if err := r.Bind(&args); err != nil {
				return rpc.Value{}, err
			}
			page := 0
			fmt.Sscan(args.Next, &page)
			asked++
			out := map[string]any{"units": []any{map[string]any{"unit": fmt.Sprint("a", page), "active": "failed"}, map[string]any{"unit": fmt.Sprint("b", page), "active": "active"}}, "total": 2 * tt.pages}
			if page+1 < tt.pages {
				out["truncated"], out["next"] = true, fmt.Sprint(page+1)
			}
			return rpc.Marshal(out)
		}))
		b := &Bot{client: &rpc.Client{Transport: rpc.Loopback{Mux: mux, From: botJID}}}
		args := rpc.Struct(map[string]rpc.Value{"state": rpc.String("all")})
		c := &call{s: Step{Method: "service.list", Hosts: make([]string, tt.hosts)}}
		to := jid.MustParse("web01@hosts.example/agent")
		first, err := b.client.Do(t.Context(), to, rpc.MethodCall{Method: "service.list", Params: []rpc.Value{args}})
		if err != nil {
			t.Fatal(err)
		}
		top := b.rest(t.Context(), to, c, args, rpc.Envelope{}, first).Any().(map[string]any)
		rows := structs(top["units"])
		whole := tt.rows == 2*tt.pages
		if len(rows) != tt.rows || asked != tt.rows/2 || (top["truncated"] == true) == whole || (top["next"] != nil) == whole {
			t.Errorf("%+v: %d rows of %d calls, %v", tt, len(rows), asked, top["next"])
		}
		text := report{}.summary(Step{Method: "service.list"}, faceOf("service.list"), Result{Value: top})
		if cut := strings.HasSuffix(text, fmt.Sprintf("(%d of %d)", tt.rows, 2*tt.pages)); cut == whole {
			t.Errorf("%+v: %s", tt, text)
		}
	}
}

// TestPagesOfAMovingList: a process that has moved to a later page between two
// calls is in the answer once, and the pages are asked for in an order that moves
// least.
func TestPagesOfAMovingList(t *testing.T) {
	pages := [][]int32{{7, 3, 9}, {3, 9, 4}, {4, 5}, {}} // it is shorter by the last call
	mux := rpc.NewServeMux(rpc.Options{Allow: func(jid.JID) bool { return true }})
	var orders []string
	mux.Handle("proc.list", rpc.HandlerFunc(func(_ context.Context, r *rpc.Request) (rpc.Value, error) {
		var args struct {
			Sort  string `rpc:"sort,omitempty"`
			Limit int32  `rpc:"limit"`
			Next  string `rpc:"next,omitempty"`
		}
		if err := r.Bind(&args); err != nil {
			return rpc.Value{}, err
		}
		orders = append(orders, args.Sort)
		page := 0
		fmt.Sscan(args.Next, &page)
		var rows []any
		for _, pid := range pages[page] {
			rows = append(rows, map[string]any{"pid": pid, "name": "x", "cpu_percent": float64(page)})
		}
		out := map[string]any{"processes": rows, "total": int32(6)}
		if page+1 < len(pages) {
			out["truncated"], out["next"] = true, fmt.Sprint(page+1)
		}
		return rpc.Marshal(out)
	}))
	b := &Bot{client: &rpc.Client{Transport: rpc.Loopback{Mux: mux, From: botJID}}}
	to := jid.MustParse("web01@hosts.example/agent")
	s := Step{Method: "proc.list", Args: map[string]any{}, Hosts: []string{"web01"}, Where: []Filter{{Field: "cpu_percent", Op: ">=", Value: 0.0}}}
	args, err := rpc.Marshal(s.asked())
	if err != nil {
		t.Fatal(err)
	}
	first, err := b.client.Do(t.Context(), to, rpc.MethodCall{Method: s.Method, Params: []rpc.Value{args}})
	if err != nil {
		t.Fatal(err)
	}
	top := b.rest(t.Context(), to, &call{s: s}, args, rpc.Envelope{}, first).Any().(map[string]any)
	var got []any
	for _, row := range structs(top["processes"]) {
		got = append(got, row["pid"])
	}
	if want := "[7 3 9 4 5]"; fmt.Sprint(got) != want || top["truncated"] != nil {
		t.Errorf("%v, want %s; truncated %v", got, want, top["truncated"])
	}
	if want := "[start start start start]"; fmt.Sprint(orders) != want {
		t.Errorf("asked in orders %v, want %s", orders, want)
	}
}
