// Alertbot serves a workgroup: it takes alerts labelled check=disk, deletes old
// files below one directory of the host that each is about, and resolves it. It
// declines everything else.
//
//	go run ./examples/alertbot -jid alertbot@example.net -password-file secret -workgroup alerts@workgroup.example.net -dir /var/tmp
//
// The workgroup must have it as a member, the policy of the alert service must let
// it call alert.resolve, that of the host disk.clean, and the host's configuration
// must let the directory be cleaned: see docs/alerts.md.
package main

import (
	"context"
	"crypto/tls"
	"encoding/xml"
	"flag"
	"fmt"
	"log"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
	"mellium.im/xmpp/jid"

	"adminbot/agentapi"
	"adminbot/internal/alertrpc"
	"adminbot/internal/link"
	"adminbot/rpc"
	"adminbot/workgroups"
	"adminbot/workgroups/client"
)

var (
	account      = flag.String("jid", "alertbot@localhost", "account to log in with")
	passwordFile = flag.String("password-file", "", "file with its password")
	server       = flag.String("server", "", "host:port; default: what the DNS says")
	workgroup    = flag.String("workgroup", "alerts@workgroup.localhost", "workgroup to serve")
	dir          = flag.String("dir", "/var/tmp", "directory to clean")
	older        = flag.Duration("older", 24*time.Hour, "delete only what was not changed for so long")
)

func main() {
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	self, group := jid.MustParse(*account), jid.MustParse(*workgroup)
	session := link.New(link.Config{JID: self, Addr: *server, TLS: &tls.Config{}, Log: slog.Default(), Password: func() (string, error) {
		secret, err := os.ReadFile(*passwordFile)
		return strings.TrimSpace(string(secret)), err
	}})
	agent := client.New(client.Config{Wire: session})
	session.HandleIQ(xml.Name{Space: workgroups.NS}, agent.HandleIQ)
	session.HandlePresence(agent.HandlePresence)
	session.HandleMessage(agent.HandleMessage)
	session.OnUp(func(context.Context) { agent.Connected() })
	session.OnDown(agent.Disconnected)
	calls := &rpc.Client{Transport: session}
	alerts := &alertrpc.Client{RPC: calls, To: group.Domain()}

	run, ctx := errgroup.WithContext(ctx)
	run.Go(func() error { return session.Run(ctx) })
	run.Go(func() error {
		return agent.Serve(ctx, group, client.Agent{Offered: func(ctx context.Context, o *client.Offer) {
			host, err := jid.New(o.Metadata["host"], self.Domainpart(), agentapi.Resource)
			if err != nil || o.Metadata["label.check"] != "disk" {
				return // not ours: to return is to decline
			}
			taken, err := o.Accept(ctx)
			if err != nil {
				log.Printf("%s: %v", o.Session, err)
				return
			}
			var res agentapi.DiskCleanResult
			once := rpc.Envelope{Key: fmt.Sprintf("%s.%d", o.Session, taken.Grant)} // said twice, done once
			err = calls.Call(ctx, host, agentapi.DiskClean.Name, once, agentapi.DiskCleanArgs{Path: *dir, OlderSeconds: int32(older.Seconds())}, &res)
			did, answer := fmt.Sprintf("deleted %d files of %.1f MiB in %s", res.Files, float64(res.FreedBytes)/(1<<20), *dir), alertrpc.Resolve
			if err != nil || res.Files == 0 { // somebody else must look
				did, answer = fmt.Sprintf("cleaning %s did not help: %d files, %v", *dir, res.Files, err), alertrpc.Reject
			}
			_, err = alertrpc.Call(ctx, alerts, answer, jid.JID{}, alertrpc.AnswerArgs{ID: o.Session, Reason: did})
			log.Printf("%s on %s: %s (%v)", o.Session, o.Metadata["host"], did, err)
		}})
	})
	if err := run.Wait(); err != nil {
		log.Fatal(err)
	}
}
