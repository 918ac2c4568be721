package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"adminbot/internal/link"
	"adminbot/rpc"
)

type sayCmd struct {
	loginFlags
	JSON        bool          `name:"json" help:"One JSON document."`
	ConfirmPlan string        `placeholder:"HASH" xor:"confirm" help:"Run the change whose plan has this hash."`
	Yes         bool          `xor:"confirm" help:"Confirm whatever needs no second person."`
	Timeout     time.Duration `default:"10m" help:"Wait for the answer no longer than this."`

	Line []string `arg:"" help:"What to say."`
}

func (c sayCmd) Run(ctx context.Context, std streams, log *slog.Logger) error {
	acct, botAddr, err := c.account()
	if err != nil {
		return err
	}
	if botAddr == "" {
		return usage("which bot?\nhint: account.bot in %s", c.Config)
	}
	to, err := jid.Parse(botAddr)
	if err == nil && to.Resourcepart() == "" {
		to, err = to.WithResource(botResource)
	}
	if err != nil {
		return usage("bot %q: %w", botAddr, err)
	}
	lc, err := linkConfig(acct, "say-"+strings.ToLower(rand.Text()[:8]), log)
	if err != nil {
		return exit(exitUsage, err)
	}
	lc.Once = true
	s := link.New(lc)
	disconnect, err := connect(ctx, s)
	if err != nil {
		return err
	}
	defer disconnect()

	client := &rpc.Client{Transport: s, Now: serverClock(s), Timeout: func(string) time.Duration { return c.Timeout }}
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	in := map[string]any{"line": strings.Join(c.Line, " ")}
	if c.ConfirmPlan != "" {
		in["plan_hash"] = c.ConfirmPlan
	}
	if c.Yes {
		in["yes"] = true
	}
	var out rpc.Value
	if err := client.Call(ctx, to, "bot.say", rpc.Envelope{}, in, &out); err != nil {
		return sayError(botAddr, err)
	}
	var answer struct {
		Text  string `rpc:"text"`
		Exit  int32  `rpc:"exit"`
		Hash  string `rpc:"hash,omitempty"`
		Needs string `rpc:"needs,omitempty"`
	}
	if err := out.DecodeKnown(&answer); err != nil {
		return fmt.Errorf("the bot's answer: %w", err)
	}
	if c.JSON {
		err = printJSON(std, out)
	} else {
		_, err = fmt.Fprintln(std.out, harmless(answer.Text))
	}
	if err != nil {
		return err
	}
	if answer.Exit == exitUnconfirmed && answer.Hash != "" && answer.Needs != "second" {
		fmt.Fprintln(std.err, "hint: with --confirm-plan HASH exactly this is run, with --yes whatever the line means then")
	}
	if answer.Exit != exitOK {
		return exit(int(answer.Exit), nil)
	}
	return nil
}

// sayError says why there is no answer of the bot.
func sayError(botAddr string, err error) error {
	var fault *rpc.Fault
	var se stanza.Error
	switch {
	case errors.As(err, &fault):
		return exit(exitUsage, fmt.Errorf("the bot: %s", fault.Message))
	case errors.As(err, &se) && se.Condition == stanza.Forbidden:
		return exit(exitRefused, fmt.Errorf("%s does not listen to this account", botAddr))
	case errors.As(err, &se) && se.Condition == stanza.ServiceUnavailable:
		return exit(exitUnreachable, fmt.Errorf("%s is not there\nhint: is adminbot up or adminbot bot running?", botAddr))
	case errors.As(err, &se) && se.Condition == stanza.RecipientUnavailable:
		return exit(exitUnreachable, fmt.Errorf("%s lost its connection before it answered: what you asked for may have been done\nhint: adminbot say history", botAddr))
	case rpc.Sent(err) && errors.Is(err, context.DeadlineExceeded):
		return exit(exitUnreachable, fmt.Errorf("%s has not answered in time: what you asked for may have been done, or still be\nhint: adminbot say history, or a longer --timeout", botAddr))
	case rpc.Sent(err) && errors.Is(err, link.ErrClosed):
		return exit(exitUnreachable, fmt.Errorf("the connection broke before %s answered: what you asked for may have been done\nhint: adminbot say history", botAddr))
	}
	return exit(exitUnreachable, err)
}
