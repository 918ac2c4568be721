// Package service looks at and changes the services of this machine, through
// systemd's D-Bus API where systemd runs and through the scripts of
// /etc/init.d where it does not. No shell is involved: a change is a D-Bus
// call, or a script with exactly one argument.
//
// [Detect] finds out which of the two it is; [NewSystemd] and [NewInit] make
// one of them. Both speak in systemd's words (active, inactive, failed) and
// answer with the same [Status].
package service

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"adminbot/agentapi"
)

// Action is what can be done to a service.
type Action string

const (
	Start   Action = "start"
	Stop    Action = "stop"
	Restart Action = "restart"
	Reload  Action = "reload" // read the configuration again; the main process stays
)

// Status is one service as a host agent reports it.
type Status struct {
	agentapi.UnitState
	MainPID  *int32
	ExitCode *int32
	Result   string
}

// Manager is an init system. Its methods may be called from any goroutine;
// changes of one unit are the caller's to order.
type Manager interface {
	// Kind is "systemd" or "init".
	Kind() string
	// List returns every service, sorted by name, with what is cheap to
	// know about each.
	List(ctx context.Context) ([]Status, error)
	// Status returns one unit. Its error is ErrNotFound when there is none.
	Status(ctx context.Context, unit string) (Status, error)
	// Do carries the action out and returns when the init system says it
	// is done, or ctx is. What the init system says went wrong is a
	// [*Failure].
	Do(ctx context.Context, action Action, unit string) error
}

// Sentinels of a [Manager].
var (
	ErrNotFound    = errors.New("service: no such unit")
	ErrUnsupported = errors.New("service: the unit cannot do that")
	// ErrSlow means that a script was asked for the status of its service and
	// was ended because it gave none.
	ErrSlow = errors.New("service: the status is not known")
	// ErrUnavailable means that the init system could not be asked; nothing
	// was done.
	ErrUnavailable = errors.New("service: the init system does not answer")
	// ErrLost means that the connection broke after the action was asked
	// for: it may have run.
	ErrLost = errors.New("service: the connection to the init system broke; the action may have run")
)

// Failure is an action that ran and did not succeed.
type Failure struct {
	Action   Action
	Unit     string
	Why      string // "exit status 1", "result timeout"
	ExitCode int32  // of the script, or -1
	Log      []string
}

func (f *Failure) Error() string {
	s := fmt.Sprintf("service: %s of %s failed: %s", f.Action, f.Unit, f.Why)
	if len(f.Log) > 0 {
		s += ": " + f.Log[len(f.Log)-1]
	}
	return s
}

// Detect returns the manager of this machine: systemd when it is the running
// init system (sd_booted(3)), the scripts in dir otherwise. temp is a
// directory for the output of scripts while they run.
func Detect(dir, temp string) Manager {
	if st, err := os.Stat("/run/systemd/system"); err == nil && st.IsDir() {
		return NewSystemd(nil)
	}
	return NewInit(dir, temp)
}

// bare cuts the ending of a service's unit name; ok is false for a socket or
// timer and for what cannot be a file's name.
func bare(unit string) (name string, ok bool) {
	name, ok = strings.CutSuffix(unit, ".service")
	if !ok || name == "" || strings.HasPrefix(name, ".") || strings.ContainsAny(name, "/\x00") {
		return "", false
	}
	return name, true
}
