package bot

import (
	"context"
	"encoding/xml"
	"fmt"
	"testing"
	"time"

	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"adminbot/agentapi"
	"adminbot/internal/fleet"
	"adminbot/internal/policy"
	"adminbot/rpc"
)

// BenchmarkAnswer is a read of 1000 hosts from the line to the reply, with hosts
// that answer at once.
func BenchmarkAnswer(b *testing.B) {
	mux := rpc.NewServeMux(rpc.Options{Allow: func(jid.JID) bool { return true }})
	mux.Handle("mem.usage", rpc.HandlerFunc(func(context.Context, *rpc.Request) (rpc.Value, error) {
		return rpc.Marshal(agentapi.MemUsageResult{UsedPercent: 40, AvailableBytes: 4e9})
	}))
	f, err := fleet.New(fleet.Config{Compile: Compile})
	if err != nil {
		b.Fatal(err)
	}
	for i := range 1000 {
		j := jid.MustParse(fmt.Sprintf("web%04d@hosts.example/agent", i))
		f.Update(fleet.Contact{JID: j.Bare(), Groups: []string{fleet.HostsGroup}})
		f.HandlePresence(context.Background(), stanza.Presence{From: j}, nil)
	}
	if err := f.Refresh(); err != nil {
		b.Fatal(err)
	}
	pol, err := policy.Parse([]byte(testPolicy))
	if err != nil {
		b.Fatal(err)
	}
	bot, err := New(Config{JID: botJID, Fleet: f, Transport: direct{mux}, Policy: func() *policy.Policy { return pol }, Audit: &memoryAudit{}, Now: time.Now})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		var last Reply
		if err := bot.Answer(context.Background(), Utterance{From: jid.MustParse("alice@example.net/x"), Text: "memory on web*"}, func(r Reply) { last = r }); err != nil || last.Exit != ExitOK {
			b.Fatal(err, last.Text)
		}
	}
}

// direct is a network on which every address is the same mux.
type direct struct{ mux *rpc.ServeMux }

func (d direct) RoundTripIQ(ctx context.Context, iq stanza.IQ, payload xml.TokenReader) (stanza.IQ, xml.TokenReader, error) {
	return rpc.Loopback{Mux: d.mux, From: botJID}.RoundTripIQ(ctx, iq, payload)
}
