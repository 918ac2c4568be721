// Command adminbot is AdminBot: the bot, the host agent, the embedded server
// and the command line for scripts, in one binary. README.md says how to start.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"reflect"
	"slices"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"adminbot/bot"
	"adminbot/internal/textsafe"
)

// Exit codes: a contract with scripts, the same for the bot's answers and for
// what needs no bot.
const (
	exitOK          = bot.ExitOK
	exitFailed      = bot.ExitMixed
	exitUsage       = bot.ExitNotUnderstood
	exitRefused     = bot.ExitRefused
	exitUnconfirmed = bot.ExitNeedsYes
	exitUnreachable = bot.ExitNoAnswer
)

// exitError ends a command with a code. A nil err prints nothing: the command
// has said what there is to say.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

func exit(code int, err error) error { return &exitError{code, err} }

func usage(format string, args ...any) error { return exit(exitUsage, fmt.Errorf(format, args...)) }

// streams are what a command reads and writes. Standard output carries
// answers, standard error progress and logs.
type streams struct {
	in       *os.File
	out, err io.Writer
}

// cli is the command line. Each command is in the file of its name.
type cli struct {
	Verbose int `short:"v" type:"counter" help:"Log more to standard error; twice for everything."`

	Up     upCmd     `cmd:"" help:"Everything on this machine, nothing to configure, and a prompt."`
	Say    sayCmd    `cmd:"" help:"Say one line to the running bot and print its answer."`
	RPC    rpcCmd    `cmd:"" name:"rpc" help:"Call a method of host agents."`
	Parse  parseCmd  `cmd:"" help:"Print how lines are understood. Connects nowhere."`
	Hosts  hostsCmd  `cmd:"" help:"Who is there, and how they feel."`
	Alert  alertCmd  `cmd:"" help:"Alerts: raise, list, take, end, silence."`
	Oncall oncallCmd `cmd:"" help:"Who is on call, and when."`
	Bot    botCmd    `cmd:"" help:"Run the bot of an installation."`
	Agent  agentCmd  `cmd:"" help:"Run the host agent of this machine."`
	Server serverCmd `cmd:"" help:"Run the embedded XMPP server."`

	Workgroups workgroupsCmd `cmd:"" help:"Run the alert service: workgroups, XEP-0142."`

	Bench   benchCmd   `cmd:"" help:"Measure this installation on this machine."`
	User    userCmd    `cmd:"" help:"Accounts of the embedded server."`
	Config  configCmd  `cmd:"" help:"The configuration file."`
	Version versionCmd `cmd:"" help:"Version, commit and Go."`
}

func main() {
	os.Exit(run(os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr}))
}

func run(args []string, std streams) int {
	var c cli
	parser, err := kong.New(&c,
		kong.Name("adminbot"),
		kong.Description("The tool you talk to about your hosts."),
		kong.UsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.TypeMapper(reflect.TypeFor[time.Duration](), kong.MapperFunc(decodeDuration)),
		kong.Writers(std.out, std.err),
		kong.Exit(func(code int) { panic(exitNow(code)) }),
	)
	if err != nil {
		fmt.Fprintln(std.err, "adminbot:", err)
		return exitFailed
	}
	return catchExit(func() int { return c.run(parser, args, std) })
}

// exitNow carries kong's wish to end (after --help) up to run.
type exitNow int

func catchExit(f func() int) (code int) {
	defer func() {
		if r := recover(); r != nil {
			now, ok := r.(exitNow)
			if !ok {
				panic(r)
			}
			code = int(now)
		}
	}()
	return f()
}

func (c *cli) run(parser *kong.Kong, args []string, std streams) int {
	args = asUsual(args)
	if method, ok := methodHelp(args); ok {
		return describeMethod(std, method)
	}
	kctx, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintf(std.err, "adminbot: %v\nhint: %s --help\n", err, commandOf(err))
		return exitUsage
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	logs := &logOutput{to: std.err}
	log := slog.New(slog.NewTextHandler(logs, &slog.HandlerOptions{Level: c.level()}))
	kctx.BindTo(ctx, (*context.Context)(nil))
	err = kctx.Run(std, log, logs)
	if err == nil {
		return exitOK
	}
	code := exitFailed
	var e *exitError
	if errors.As(err, &e) {
		code, err = e.code, e.err
	}
	if err != nil {
		fmt.Fprintln(std.err, "adminbot:", harmless(err.Error()))
	}
	return code
}

// harmless is text of several lines that others may have written, fit for a
// terminal.
func harmless(text string) string { return textsafe.Text(text, 0) }

// asUsual reads what people try on any program: nothing, help and --version.
func asUsual(args []string) []string {
	switch {
	case len(args) == 0:
		return []string{"--help"}
	case args[0] == "help":
		return append(slices.Clone(args[1:]), "--help")
	case args[0] == "--version":
		return []string{"version"}
	}
	return args
}

// commandOf is the command that a wrong line of arguments got to, for a hint.
func commandOf(err error) string {
	var wrong *kong.ParseError
	if errors.As(err, &wrong) {
		for _, p := range slices.Backward(wrong.Context.Path) {
			if node := p.Node(); node != nil { // not a flag, or a value
				return node.FullPath()
			}
		}
	}
	return "adminbot"
}

func (c *cli) level() slog.Level {
	switch {
	case c.Verbose > 1:
		return slog.LevelDebug
	case c.Verbose == 1:
		return slog.LevelInfo
	}
	return slog.LevelWarn
}
