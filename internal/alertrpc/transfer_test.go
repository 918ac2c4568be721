package alertrpc_test

import (
	"encoding/xml"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"adminbot/internal/alertrpc"
	"adminbot/rpc"
	"adminbot/workgroups"
)

// An alert goes to a member who is there, from the one who has it.
func TestTransfer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, as, stop := start(t, &workgroups.Memory{}, ours, "callers = [\"*@example.net\"]\n[[rule]]\nwho = [\"*@example.net\"]\nmay = [\"R\", \"W\"]\n")
		defer stop()
		transfer := func(from, to string) (alertrpc.AnswerResult, error) {
			return alertrpc.Call(t.Context(), as(from), alertrpc.Transfer, jid.JID{}, alertrpc.TransferArgs{ID: "1", To: to, Reason: "it is a database"})
		}
		refused := func(what string, err error, code int) {
			t.Helper()
			if f := (*rpc.Fault)(nil); !errors.As(err, &f) || f.Code != code {
				t.Errorf("%s: %v", what, err)
			}
		}
		if _, err := s.Report(t.Context(), workgroups.Report{Workgroup: "alerts", Source: "x", Summary: "disk full", Severity: workgroups.Critical}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Take(t.Context(), 1, jid.MustParse("ann@example.net")); err != nil {
			t.Fatal(err)
		}
		_, err := transfer("ann", "ben@example.net")
		refused("to somebody who is not there", err, rpc.FaultDenied)
		_, err = transfer("ann", "@")
		refused("to no address", err, rpc.FaultParams)

		join := xml.NewDecoder(strings.NewReader("<body>join</body>"))
		s.HandleMessage(t.Context(), stanza.Message{From: jid.MustParse("ben@example.net/phone"), To: jid.MustParse("alerts@" + service.String()), Type: stanza.ChatMessage}, join)
		_, err = transfer("ben", "ann@example.net")
		refused("by somebody who has it not", err, rpc.FaultConflict)
		got, err := transfer("ann", "ben@example.net")
		if err != nil || got.Alert.State != "offered" || got.Alert.Owner != "" {
			t.Fatalf("%+v, %v", got.Alert, err)
		}
		if _, err := s.Take(t.Context(), 1, jid.MustParse("ben@example.net")); err != nil {
			t.Errorf("ben cannot take it: %v", err)
		}
	})
}
