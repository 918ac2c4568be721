package hostagent

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"adminbot/agentapi"
	"adminbot/internal/hostagent/service"
	"adminbot/rpc"
)

// services answers service.*.
type services struct {
	manager service.Manager
	lines   func(ctx context.Context, unit string, n int32) ([]string, error) // of its log
}

// serviceFault is the fault for what an init system said.
func serviceFault(err error) error {
	switch f, failed := errors.AsType[*service.Failure](err); {
	case err == nil:
		return nil
	case failed:
		msg := fmt.Sprintf("%s of %s failed: %s", f.Action, f.Unit, f.Why)
		if len(f.Log) > 0 {
			msg += "\n" + strings.Join(f.Log, "\n")
		}
		return rpc.Faultf(rpc.FaultHelper, "%s", msg)
	case errors.Is(err, service.ErrNotFound):
		return rpc.Faultf(rpc.FaultNotFound, "%s", sentence(err))
	case errors.Is(err, service.ErrUnsupported):
		return rpc.Faultf(rpc.FaultUnsupported, "%s", sentence(err))
	case errors.Is(err, service.ErrSlow):
		return rpc.Faultf(rpc.FaultTimeout, "%s", sentence(err))
	case errors.Is(err, service.ErrUnavailable):
		return rpc.Faultf(rpc.FaultDependency, "%s", sentence(err))
	case errors.Is(err, service.ErrLost):
		return rpc.Faultf(rpc.FaultHelper, "%s", sentence(err))
	}
	return err
}

func sentence(err error) string { return strings.TrimPrefix(err.Error(), "service: ") }

func (s *services) list(ctx context.Context, args agentapi.ServiceListArgs) (agentapi.ServiceListResult, error) {
	var res agentapi.ServiceListResult
	all, err := s.manager.List(ctx)
	if err != nil {
		return res, serviceFault(err)
	}
	for _, st := range all {
		if args.State != "all" && st.Active != args.State && (args.State != "active" || st.Active != "reloading") {
			continue
		}
		if args.Pattern != "" && !unitMatches(args.Pattern, st.Unit) {
			continue
		}
		res.Units = append(res.Units, st.UnitState)
	}
	res.Total = int32(len(res.Units))
	return res, nil
}

// unitMatches compares the pattern with the whole name and with the name
// without its ending: "nginx*" means nginx.service.
func unitMatches(pattern, unit string) bool {
	short, _ := strings.CutSuffix(unit, ".service")
	whole, err := path.Match(pattern, unit)
	part, _ := path.Match(pattern, short)
	return err == nil && (whole || part)
}

func (s *services) status(ctx context.Context, args agentapi.ServiceStatusArgs) (agentapi.ServiceStatusResult, error) {
	st, err := s.manager.Status(ctx, args.Unit)
	if err != nil {
		return agentapi.ServiceStatusResult{}, serviceFault(err)
	}
	res := agentapi.ServiceStatusResult{UnitState: st.UnitState, MainPID: st.MainPID, ExitCode: st.ExitCode, Result: st.Result}
	if args.LogLines > 0 && s.lines != nil {
		if res.Log, err = s.lines(ctx, args.Unit, args.LogLines); err != nil {
			return res, err
		}
	}
	return res, nil
}

// change makes the function of service.start, stop, restart or reload.
func (s *services) change(action service.Action) func(context.Context, string, *int32, *bool) (agentapi.ServiceChangeResult, error) {
	return func(ctx context.Context, unit string, wait *int32, expect *bool) (agentapi.ServiceChangeResult, error) {
		res := agentapi.ServiceChangeResult{Unit: unit}
		before, err := s.manager.Status(ctx, unit)
		if err != nil {
			return res, serviceFault(err)
		}
		res.Before = before.Active
		if expect != nil && *expect != (before.Active == "active") {
			return res, rpc.Faultf(rpc.FaultConflict, "%s is %s, nothing was done", unit, before.Active)
		}
		if err := s.do(ctx, action, unit, wait, res); err != nil {
			return res, serviceFault(err)
		}
		after, err := s.manager.Status(ctx, unit)
		if err != nil {
			return res, serviceFault(err)
		}
		res.After, res.Active, res.Sub, res.MainPID = after.Active, after.Active == "active", after.Sub, after.MainPID
		if res.Active != (action != service.Stop) && s.lines != nil {
			// The change is done and not what was hoped for: the log may say why.
			res.Log, _ = s.lines(ctx, unit, 10)
		}
		return res, nil
	}
}

// do carries the action out. When it takes longer than wait, the caller is
// answered with the job, and the action goes on.
func (s *services) do(ctx context.Context, action service.Action, unit string, wait *int32, sofar agentapi.ServiceChangeResult) error {
	patience := 30 * time.Second
	if wait != nil {
		patience = time.Duration(*wait) * time.Second
	}
	c := callFrom(ctx)
	if c == nil {
		return s.manager.Do(ctx, action, unit)
	}
	began := time.Now()
	timer := time.AfterFunc(patience, func() {
		sofar.Job, sofar.Sub = c.ID, string(action)
		sofar.After = map[service.Action]string{service.Stop: "deactivating", service.Reload: "reloading"}[action]
		if sofar.After == "" {
			sofar.After = "activating"
		}
		now := time.Now()
		sofar.Stamp(now, now.Sub(began))
		// An answer that cannot be made leaves the caller waiting for the end.
		_ = c.Answer(sofar)
	})
	defer timer.Stop()
	return s.manager.Do(ctx, action, unit)
}

// wouldFail begins what a call would do that cannot go well.
const wouldFail = "it would fail: "

// would says what a call would do now.
func (s *services) would(action service.Action) func(context.Context, string) string {
	return func(ctx context.Context, unit string) string {
		st, err := s.manager.Status(ctx, unit)
		if err != nil {
			return wouldFail + sentence(err)
		}
		now := st.Active
		if st.MainPID != nil {
			now += fmt.Sprintf(" with pid %d", *st.MainPID)
		}
		return fmt.Sprintf("%s %s by %s; it is %s now", action, unit, s.manager.Kind(), now)
	}
}
