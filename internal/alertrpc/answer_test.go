package alertrpc_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mellium.im/xmpp/jid"

	"adminbot/internal/alertrpc"
	"adminbot/workgroups"
)

// The largest alert there can be: all of its text is escaped on the wire.
func largest() workgroups.Report {
	r := workgroups.Report{
		Workgroup: "alerts", Source: strings.Repeat("<", workgroups.MaxName), Fingerprint: strings.Repeat("&", workgroups.MaxName),
		Summary: strings.Repeat("<", workgroups.MaxSummary), Details: strings.Repeat("&", workgroups.MaxDetails), Host: strings.Repeat(">", workgroups.MaxName),
		Labels: map[string]string{"role": "db"},
	}
	for n := len(r.Labels); n < workgroups.MaxLabels; n++ {
		r.Labels[fmt.Sprintf("%02d%s", n, strings.Repeat("<", workgroups.MaxName-2))] = strings.Repeat("&", workgroups.MaxLabel)
	}
	return r
}

// TestAnswersFit: whatever an alert holds, an answer about it arrives, and says what
// it leaves out.
func TestAnswersFit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := ours
		g.GroupBy = []string{"role"}
		s, as, stop := start(t, &workgroups.Memory{}, g, "callers = [\"*@example.net\"]\n[groups]\nadmins = [\"ann@example.net\"]\n[[rule]]\nwho = [\"*@example.net\"]\nmay = [\"R\", \"W\"]\n")
		defer stop()
		ann := as("ann")
		for n := range 40 {
			r := largest()
			r.Fingerprint = fmt.Sprintf("%02d%s", n, r.Fingerprint[2:])
			if n >= 20 { // alerts of their own
				delete(r.Labels, "role")
			}
			if _, err := s.Report(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
		answered := func(what string, a alertrpc.Alert, err error) {
			t.Helper()
			if err != nil {
				t.Errorf("%s: %v", what, err)
				return
			}
			left := 0
			if _, err := fmt.Sscanf(a.LeftOut, "%d labels", &left); err != nil || left+len(a.Labels) != workgroups.MaxLabels || len(a.Labels) == 0 || a.Labels["role"] != "db" {
				t.Errorf("%s: %d labels, left out: %q (%v)", what, len(a.Labels), a.LeftOut, err)
			}
			if !strings.HasSuffix(a.LeftOut, fmt.Sprintf(" and %d bytes of the details", workgroups.MaxDetails-len(a.Details))) || len(a.Details) < 1000 {
				t.Errorf("%s: details of %d bytes, left out: %q", what, len(a.Details), a.LeftOut)
			}
		}
		shown, err := alertrpc.Call(t.Context(), ann, alertrpc.Show, jid.JID{}, alertrpc.ShowArgs{ID: "1"})
		answered("show", shown.Alert, err)
		if len(shown.Instances) == 0 || len(shown.Timeline) == 0 {
			t.Errorf("show: %d instances, %d entries", len(shown.Instances), len(shown.Timeline))
		}
		for _, m := range []struct {
			name string
			do   func() (alertrpc.AnswerResult, error)
		}{
			{"take", func() (alertrpc.AnswerResult, error) {
				return alertrpc.Call(t.Context(), ann, alertrpc.Accept, jid.JID{}, alertrpc.AnswerArgs{ID: "1"})
			}},
			{"note", func() (alertrpc.AnswerResult, error) {
				return alertrpc.Call(t.Context(), ann, alertrpc.Note, jid.JID{}, alertrpc.NoteArgs{ID: "1", Text: strings.Repeat("<", 4096)})
			}},
			{"resolve", func() (alertrpc.AnswerResult, error) {
				return alertrpc.Call(t.Context(), ann, alertrpc.Resolve, jid.JID{}, alertrpc.AnswerArgs{ID: "1", Reason: strings.Repeat("<", 1024)})
			}},
		} {
			got, err := m.do()
			answered(m.name, got.Alert, err)
		}
		shown, err = alertrpc.Call(t.Context(), ann, alertrpc.Show, jid.JID{}, alertrpc.ShowArgs{ID: "1"})
		answered("show what has ended", shown.Alert, err)
		if list, err := alertrpc.Call(t.Context(), ann, alertrpc.List, jid.JID{}, alertrpc.ListArgs{Limit: 200}); err != nil || list.Total != 20 || len(list.Alerts) == 0 {
			t.Errorf("list: %d of %d, %v", len(list.Alerts), list.Total, err)
		}
		// What fits is whole.
		r := workgroups.Report{Workgroup: "alerts", Source: "x", Summary: "small", Details: strings.Repeat("d", 8192), Labels: map[string]string{"check": strings.Repeat("x", 1024)}}
		small, err := s.Report(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		if shown, err = alertrpc.Call(t.Context(), ann, alertrpc.Show, jid.JID{}, alertrpc.ShowArgs{ID: fmt.Sprint(small[0].Alert.ID)}); err != nil || shown.Alert.LeftOut != "" || len(shown.Alert.Details) != 8192 || len(shown.Alert.Labels) != 1 {
			t.Errorf("a small one: %d bytes of details, left out: %q, %v", len(shown.Alert.Details), shown.Alert.LeftOut, err)
		}
	})
}

// TestManySilencesFit: what was silenced is never told as a failure because the list
// of it is long.
func TestManySilencesFit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		as, stop := serve(t, &workgroups.Memory{})
		defer stop()
		args := alertrpc.SilenceArgs{Seconds: 3600, Reason: strings.Repeat("<", 1024)}
		for n := range 200 {
			args.Hosts = append(args.Hosts, fmt.Sprintf("web%03d", n))
		}
		made, err := alertrpc.Call(t.Context(), as("ann"), alertrpc.Silence, jid.JID{}, args)
		if err != nil || made.Total != 200 || len(made.Silences) == 0 {
			t.Errorf("made: %d of %d, %v", len(made.Silences), made.Total, err)
		}
		time.Sleep(time.Minute)
		list, err := alertrpc.Call(t.Context(), as("eve"), alertrpc.Silences, jid.JID{}, alertrpc.NoArgs{})
		if err != nil || list.Total != 200 || len(list.Silences) == 0 {
			t.Errorf("listed: %d of %d, %v", len(list.Silences), list.Total, err)
		}
		args.Seconds = 0
		ended, err := alertrpc.Call(t.Context(), as("ann"), alertrpc.Silence, jid.JID{}, args)
		if err != nil || !ended.Ended || ended.Total != 200 {
			t.Errorf("ended: %t, %d of %d, %v", ended.Ended, len(ended.Silences), ended.Total, err)
		}
	})
}

// TestManyAgentsFit: a workgroup of many.
func TestManyAgentsFit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, as, stop := start(t, &workgroups.Memory{}, ours, rules)
		defer stop()
		for n := range 150 {
			if err := s.Duty(t.Context(), "alerts", jid.MustParse(fmt.Sprintf("p%03d-%s@example.net", n, strings.Repeat("x", 500))), true); err != nil {
				t.Fatal(err)
			}
		}
		got, err := alertrpc.Call(t.Context(), as("eve"), alertrpc.WorkgroupStatus, jid.JID{}, alertrpc.WorkgroupArgs{})
		if err != nil || got.Workgroup.Here != 150 || got.Total != 150 || len(got.Agents) == 0 || len(got.Agents) == 150 {
			t.Errorf("%d of %d agents, %d there, %v", len(got.Agents), got.Total, got.Workgroup.Here, err)
		}
	})
}
