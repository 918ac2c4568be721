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
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"mellium.im/xmpp/jid"

	"adminbot/agentapi"
	"adminbot/internal/alertrpc"
	"adminbot/internal/config"
	"adminbot/internal/link"
	"adminbot/rpc"
	"adminbot/workgroups/client"
)

var (
	account   = flag.String("jid", "alertbot@localhost", "account to log in with")
	password  = flag.String("password-file", "", "file with its password (0600)")
	server    = flag.String("server", "", "host:port; default: what the DNS says")
	workgroup = flag.String("workgroup", "alerts@workgroup.localhost", "workgroup to serve")
	dir       = flag.String("dir", "/var/tmp", "directory to clean")
	older     = flag.Duration("older", 24*time.Hour, "delete only what was not changed for so long")
)

func main() {
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	session := link.New(link.Config{
		JID: jid.MustParse(*account), Addr: *server, Log: slog.Default(),
		Password: func() (string, error) { return config.ReadSecret(*password) },
	})
	calls := &rpc.Client{Transport: session}
	agent := client.Agent{Offered: func(ctx context.Context, o *client.Offer) { offered(ctx, calls, o) }}
	if err := client.Run(ctx, session, jid.MustParse(*workgroup), agent); err != nil {
		slog.Error("the bot has ended", "err", err)
		os.Exit(1)
	}
}

// offered is called for each alert. To return is to decline.
func offered(ctx context.Context, calls *rpc.Client, o *client.Offer) {
	host, err := jid.New(o.Metadata["host"], jid.MustParse(*account).Domainpart(), agentapi.Resource)
	if err != nil || o.Metadata["label.check"] != "disk" {
		return
	}
	taken, err := o.Accept(ctx)
	if err != nil {
		return // somebody else was faster
	}
	var res agentapi.DiskCleanResult
	once := rpc.Envelope{Key: fmt.Sprintf("%s.%d", o.Session, taken.Grant)} // said twice, done once
	err = calls.Call(ctx, host, agentapi.DiskClean.Name, once, agentapi.DiskCleanArgs{Path: *dir, OlderSeconds: int32(older.Seconds())}, &res)
	did, answer := fmt.Sprintf("deleted %d files of %.1f MiB in %s", res.Files, float64(res.FreedBytes)/(1<<20), *dir), alertrpc.Resolve
	if err != nil || res.Files == 0 { // somebody else must look
		did, answer = fmt.Sprintf("cleaning %s did not help: %d files, %v", *dir, res.Files, err), alertrpc.Reject
	}
	alerts := &alertrpc.Client{RPC: calls, To: jid.MustParse(*workgroup).Domain()}
	_, err = alertrpc.Call(ctx, alerts, answer, jid.JID{}, alertrpc.AnswerArgs{ID: o.Session, Reason: did})
	slog.Info("answered", "alert", o.Session, "host", o.Metadata["host"], "did", did, "err", err)
}
