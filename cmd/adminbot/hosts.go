package main

import (
	"context"
	"fmt"
	"log/slog"
	"text/tabwriter"
	"time"

	"adminbot/internal/fleet"
)

type hostsCmd struct {
	loginFlags
	JSON bool `name:"json" help:"One JSON document."`
}

func (c hostsCmd) Run(ctx context.Context, std streams, log *slog.Logger) error {
	acct, _, err := c.account()
	if err != nil {
		return err
	}
	_, f, disconnect, err := lookAround(ctx, acct, log, look)
	if err != nil {
		return err
	}
	defer disconnect()
	hosts := f.Snapshot().Hosts
	if c.JSON {
		return printHostsJSON(std, hosts)
	}
	if len(hosts) == 0 {
		fmt.Fprintln(std.out, "No hosts. A host is a contact in the roster group Hosts.")
		return nil
	}
	w := tabwriter.NewWriter(std.out, 0, 0, 2, ' ', 0)
	for _, h := range hosts {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", h.Name, h.Mood, since(h.Since), h.Status)
	}
	return w.Flush()
}

func since(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return "since " + t.Local().Format("2006-01-02 15:04")
}

func printHostsJSON(std streams, hosts []fleet.Host) error {
	type host struct {
		Name   string `json:"name"`
		JID    string `json:"jid"`
		Online bool   `json:"online"`
		Mood   string `json:"mood"`
		Reason string `json:"reason,omitempty"`
		Since  any    `json:"since,omitempty"`
	}
	list := make([]host, 0, len(hosts))
	for _, h := range hosts {
		item := host{Name: h.Name, JID: h.Address().String(), Online: h.Online, Mood: h.Mood, Reason: h.Status}
		if !h.Since.IsZero() {
			item.Since = h.Since.UTC()
		}
		list = append(list, item)
	}
	return printJSON(std, map[string]any{"hosts": list})
}
