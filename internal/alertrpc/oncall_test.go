package alertrpc_test

import (
	"context"
	"encoding/xml"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"adminbot/internal/alertrpc"
	"adminbot/internal/policy"
	"adminbot/rpc"
	"adminbot/workgroups"
	"adminbot/workgroups/oncall"
)

var service = jid.MustParse("workgroup.example.net")

// quiet is a wire that takes everything and says nothing.
type quiet struct{}

func (quiet) Send(context.Context, xml.TokenReader) error { return nil }
func (quiet) Barrier(context.Context) error               { return nil }
func (quiet) RoundTripIQ(_ context.Context, iq stanza.IQ, _ xml.TokenReader) (stanza.IQ, xml.TokenReader, error) {
	return stanza.IQ{Type: stanza.ResultIQ, ID: iq.ID, From: iq.To, To: iq.From}, nil, nil
}

// direct hands the calls of an account to a mux.
type direct struct {
	mux  *rpc.ServeMux
	from jid.JID
}

func (d direct) RoundTripIQ(ctx context.Context, iq stanza.IQ, r xml.TokenReader) (stanza.IQ, xml.TokenReader, error) {
	iq.From = d.from
	answer, err := d.mux.HandleIQ(ctx, iq, r)
	return stanza.IQ{Type: stanza.ResultIQ, ID: iq.ID, From: iq.To, To: iq.From}, answer, err
}

const rules = `
bots = ["bot@example.net"]
callers = ["*@example.net"]

[[rule]]
who = ["ann@example.net", "ben@example.net"]
may = ["R", "alert.send", "alert.ack", "alert.silence", "oncall.override"]

[[rule]]
who = ["*@example.net"]
may = ["R"]
`

// serve runs a service with a schedule in the bubble of a test: ann and ben have
// a day each, from noon.
func serve(t *testing.T, store workgroups.Store) (as func(name string) *alertrpc.Client, stop func()) {
	t.Helper()
	days := &oncall.Schedule{Name: "days", Layers: []oncall.Layer{{
		Name: "days", Who: []string{"ann@example.net", "ben@example.net"}, Every: 24 * time.Hour, Start: oncall.Start{Year: 2000, Month: 1, Day: 1, Hour: 12},
	}}}
	_, as, stop = start(t, store, workgroups.Workgroup{
		Name: "alerts", Domains: []string{"example.net"}, Schedules: []*oncall.Schedule{days}, Escalation: workgroups.Escalation{Steps: []workgroups.Step{{OnCall: days}}},
	}, rules)
	return as, stop
}

// ours is a workgroup of all accounts.
var ours = workgroups.Workgroup{Name: "alerts", Domains: []string{"example.net"}}

// start runs a service with one workgroup until stop is called. The clients are
// by name.
func start(t *testing.T, store workgroups.Store, g workgroups.Workgroup, rules string) (s *workgroups.Service, as func(name string) *alertrpc.Client, stop func()) {
	t.Helper()
	s, err := workgroups.New(workgroups.Config{Domain: service, Store: store, Wire: quiet{}, Groups: []workgroups.Workgroup{g}})
	if err != nil {
		t.Fatal(err)
	}
	pol, err := policy.Parse([]byte(rules))
	if err != nil {
		t.Fatal(err)
	}
	mux := alertrpc.Mux(alertrpc.Server{Service: s, Policy: func() *policy.Policy { return pol }})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); s.Run(ctx) }()
	as = func(name string) *alertrpc.Client {
		return &alertrpc.Client{RPC: &rpc.Client{Transport: direct{mux, jid.MustParse(name + "@example.net/x")}}, To: service}
	}
	return s, as, func() { cancel(); <-done }
}

func wantFault(t *testing.T, err error, code int, text string) {
	t.Helper()
	var f *rpc.Fault
	if !errors.As(err, &f) || f.Code != code || !strings.Contains(f.Message, text) {
		t.Errorf("got %v, want fault %d: %s", err, code, text)
	}
}

// TestOnCall: who is on call, takeovers, and that a restart forgets none.
func TestOnCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &workgroups.Memory{}
		as, stop := serve(t, store) // at midnight of 2000-01-01
		who := func(at time.Time) string {
			t.Helper()
			r, err := alertrpc.Call(t.Context(), as("eve"), alertrpc.OnCallWho, jid.JID{}, alertrpc.OnCallArgs{At: at})
			if err != nil || len(r.OnCall) != 1 {
				t.Fatalf("%+v, %v", r, err)
			}
			return r.OnCall[0].Who
		}
		now := time.Now().UTC()
		if a, b := who(time.Time{}), who(now.Add(13*time.Hour)); a != "ben@example.net" || b != "ann@example.net" {
			t.Errorf("%s is on call, then %s", a, b)
		}
		override := alertrpc.OverrideArgs{Who: "cem@example.net", Until: now.Add(20 * time.Hour)}
		if _, err := alertrpc.Call(t.Context(), as("eve"), alertrpc.OnCallOverride, jid.JID{}, override); err == nil {
			t.Error("eve put somebody on call")
		} else {
			wantFault(t, err, rpc.FaultDenied, "oncall.override")
		}
		r, err := alertrpc.Call(t.Context(), as("bot"), alertrpc.OnCallOverride, jid.MustParse("ann@example.net"), override)
		if err != nil || r.OnCall.Who != "cem@example.net" || r.OnCall.Reason != "takes over, says ann@example.net" || !r.OnCall.Until.Equal(override.Until) {
			t.Errorf("override: %+v, %v", r, err)
		}
		stop()
		as, stop = serve(t, store)
		defer func() { stop() }()
		list, err := alertrpc.Call(t.Context(), as("eve"), alertrpc.OnCallShifts, jid.JID{}, alertrpc.ShiftsArgs{Since: now, Until: now.Add(48 * time.Hour)})
		var got []string
		for _, s := range list.Shifts {
			got = append(got, s.Who[:3]+" "+s.Until.Sub(now).String())
		}
		if want := "cem 20h0m0s, ann 36h0m0s, ben 48h0m0s"; err != nil || strings.Join(got, ", ") != want || list.Truncated {
			t.Errorf("shifts %v, %v, want %s", got, err, want)
		}
		time.Sleep(21 * time.Hour)
		if a := who(time.Time{}); a != "ann@example.net" {
			t.Errorf("after the override %s is on call", a)
		}

		for _, tt := range []struct {
			name string
			args alertrpc.OverrideArgs
			code int
			text string
		}{
			{"stranger", alertrpc.OverrideArgs{Who: "mallory@example.org", Until: now.Add(48 * time.Hour)}, rpc.FaultDenied, "not a member"},
			{"past", alertrpc.OverrideArgs{Who: "ben@example.net", Until: now}, rpc.FaultParams, "over before it begins"},
			{"no end", alertrpc.OverrideArgs{Who: "ben@example.net"}, rpc.FaultParams, "until when"},
			{"no schedule", alertrpc.OverrideArgs{Who: "ben@example.net", Schedule: "weeks", Until: now.Add(48 * time.Hour)}, rpc.FaultNotFound, "no such schedule"},
			{"no workgroup", alertrpc.OverrideArgs{Who: "ben@example.net", Workgroup: "dba", Until: now.Add(48 * time.Hour)}, rpc.FaultNotFound, "no such workgroup"},
		} {
			_, err := alertrpc.Call(t.Context(), as("ann"), alertrpc.OnCallOverride, jid.JID{}, tt.args)
			wantFault(t, err, tt.code, tt.text)
		}
		_, err = alertrpc.Call(t.Context(), as("ann"), alertrpc.OnCallShifts, jid.JID{}, alertrpc.ShiftsArgs{Since: now, Until: now.AddDate(3, 0, 0)})
		wantFault(t, err, rpc.FaultParams, "at most 366 days")
	})
}

// TestSilence: a silence mutes what it says for as long as it says, also over a
// restart, and can be ended by its words or its number.
func TestSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &workgroups.Memory{}
		as, stop := serve(t, store)
		ann := func() *alertrpc.Client { return as("ann") }
		muted := func(id string) bool {
			t.Helper()
			r, err := alertrpc.Call(t.Context(), ann(), alertrpc.Show, jid.JID{}, alertrpc.ShowArgs{ID: id})
			if err != nil {
				t.Fatal(err)
			}
			return !r.Alert.Muted.IsZero()
		}
		for _, host := range []string{"web01", "web02"} {
			if _, err := alertrpc.Call(t.Context(), ann(), alertrpc.Send, jid.JID{}, alertrpc.SendArgs{Summary: "disk", Host: host, Severity: "warning"}); err != nil {
				t.Fatal(err)
			}
		}
		r, err := alertrpc.Call(t.Context(), ann(), alertrpc.Silence, jid.JID{}, alertrpc.SilenceArgs{Hosts: []string{"web01", "web03"}, Match: []string{"severity!=critical"}, Seconds: 3600, Reason: "new disk"})
		if err != nil || len(r.Silences) != 2 || r.Silences[0].Match != "host=web01 severity!=critical" {
			t.Fatalf("%+v, %v", r, err)
		}
		if !muted("1") || muted("2") {
			t.Errorf("muted: %t, %t", muted("1"), muted("2"))
		}
		stop()
		as, stop = serve(t, store)
		defer func() { stop() }()
		time.Sleep(59 * time.Minute)
		if !muted("1") {
			t.Error("not muted for the hour")
		}
		time.Sleep(2 * time.Minute)
		if muted("1") {
			t.Error("muted after the hour")
		}
		_, err = alertrpc.Call(t.Context(), ann(), alertrpc.Silence, jid.JID{}, alertrpc.SilenceArgs{Hosts: []string{"web01"}})
		wantFault(t, err, rpc.FaultNotFound, "no such silence")
		if r, err = alertrpc.Call(t.Context(), ann(), alertrpc.Silence, jid.JID{}, alertrpc.SilenceArgs{Match: []string{"host=~web0[12]"}, Seconds: 60, Since: time.Now().Add(time.Hour)}); err != nil {
			t.Fatal(err)
		}
		if muted("1") {
			t.Error("muted before the work begins")
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if !muted("1") || !muted("2") {
			t.Error("not muted while the work is done")
		}
		if r, err = alertrpc.Call(t.Context(), ann(), alertrpc.Silence, jid.JID{}, alertrpc.SilenceArgs{ID: int32(r.Silences[0].ID)}); err != nil || !r.Ended || muted("1") {
			t.Errorf("ended: %+v, %v, muted %t", r, err, muted("1"))
		}
		for args, text := range map[string]string{"host": "is not like", "host=~[": "regular expression"} {
			_, err := alertrpc.Call(t.Context(), ann(), alertrpc.Silence, jid.JID{}, alertrpc.SilenceArgs{Match: []string{args}, Seconds: 60})
			wantFault(t, err, rpc.FaultParams, text)
		}
		_, err = alertrpc.Call(t.Context(), ann(), alertrpc.Silence, jid.JID{}, alertrpc.SilenceArgs{Seconds: 60})
		wantFault(t, err, rpc.FaultParams, "a silence of everything")
	})
}
