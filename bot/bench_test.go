package bot

import (
	"context"
	"encoding/xml"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"adminbot/agentapi"
	"adminbot/internal/fleet"
	"adminbot/internal/policy"
	"adminbot/rpc"
)

// benchBot is a bot with hosts that answer at once.
func benchBot(b *testing.B, hosts int) (*Bot, *fleet.Fleet) {
	b.Helper()
	mux := rpc.NewServeMux(rpc.Options{Allow: func(jid.JID) bool { return true }})
	mux.Handle("mem.usage", rpc.HandlerFunc(func(context.Context, *rpc.Request) (rpc.Value, error) {
		return rpc.Marshal(agentapi.MemUsageResult{UsedPercent: 40, AvailableBytes: 4e9})
	}))
	f, err := fleet.New(fleet.Config{Compile: Compile})
	if err != nil {
		b.Fatal(err)
	}
	var contacts []fleet.Contact
	for i := range hosts {
		contacts = append(contacts, fleet.Contact{JID: jid.MustParse(fmt.Sprintf("web%05d@hosts.example", i)), Groups: []string{fleet.HostsGroup}})
	}
	f.SetRoster(contacts)
	for _, c := range contacts {
		from, err := c.JID.WithResource(fleet.Resource)
		if err != nil {
			b.Fatal(err)
		}
		f.HandlePresence(context.Background(), stanza.Presence{From: from}, nil)
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
	return bot, f
}

// BenchmarkAnswer is a question from the line to the reply: to all of so many
// hosts, and one that the bot answers by itself.
func BenchmarkAnswer(b *testing.B) {
	for _, hosts := range []int{1000, 10_000} {
		for _, line := range []string{"memory on web*", "list all hosts", "which hosts are sad"} {
			b.Run(fmt.Sprintf("%d/%s", hosts, strings.ReplaceAll(line, " ", "-")), func(b *testing.B) {
				bot, _ := benchBot(b, hosts)
				for b.Loop() {
					var last Reply
					if err := bot.Answer(context.Background(), Utterance{From: jid.MustParse("alice@example.net/x"), Text: line}, func(r Reply) { last = r }); err != nil || last.Exit != ExitOK {
						b.Fatal(err, last.Text)
					}
				}
			})
		}
	}
}

// BenchmarkFleet makes the picture of so many hosts, and reports how much memory
// one holds.
func BenchmarkFleet(b *testing.B) {
	for _, hosts := range []int{1000, 10_000} {
		b.Run(fmt.Sprint(hosts), func(b *testing.B) {
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			_, f := benchBot(b, hosts)
			runtime.GC()
			runtime.ReadMemStats(&after)
			for b.Loop() {
				if err := f.Refresh(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(hosts), "B/host")
			runtime.KeepAlive(f)
		})
	}
}

// direct is a network on which every address is the same mux.
type direct struct{ mux *rpc.ServeMux }

func (d direct) RoundTripIQ(ctx context.Context, iq stanza.IQ, payload xml.TokenReader) (stanza.IQ, xml.TokenReader, error) {
	return rpc.Loopback{Mux: d.mux, From: botJID}.RoundTripIQ(ctx, iq, payload)
}
