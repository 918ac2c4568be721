package hostagent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime/debug"
	"time"

	"adminbot/rpc"
)

func stopped() *rpc.Fault {
	return rpc.Faultf(rpc.FaultDependency, "the host agent is stopping, nothing was done")
}

func unaudited(err error) *rpc.Fault {
	return rpc.Faultf(rpc.FaultDependency, "the audit log of this host cannot be written: %v", err)
}

// begin counts a call in, unless the agent is stopping.
func (g *guard) begin() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.stopping {
		return false
	}
	g.work.Add(1)
	return true
}

// drain lets no more calls begin, and waits for those that have begun: the
// changes may use up their grace, then everything is told to end.
func (g *guard) drain() {
	g.mu.Lock()
	g.stopping = true
	g.mu.Unlock()
	t := time.AfterFunc(g.limits.Grace, g.end)
	g.work.Wait()
	g.refused.End()
	t.Stop()
	g.end()
}

// lateBy is how long work may take to notice that its time is over before the
// caller is answered without it.
const lateBy = 3 * time.Second

// run does the work on a goroutine of its own and answers when it is done,
// when its time is over or when it says so itself. ended runs when the work
// has really ended, whoever was answered what by then.
func (g *guard) run(ctx, run context.Context, c *call, w work, args any, ended func(rpc.Value, error, time.Duration) (rpc.Value, error)) (rpc.Value, error) {
	type result struct {
		v   rpc.Value
		err error
	}
	c.started = g.now()
	done := make(chan result, 1)
	go func() {
		v, err := g.protect(context.WithValue(run, callKeyType{}, c), c, w, args)
		if err != nil {
			v, err = rpc.Value{}, c.faultOf(err)
		}
		v, err = ended(v, err, g.now().Sub(c.started))
		done <- result{v, err}
	}()
	late := time.NewTimer(c.spec.Timeout + lateBy)
	defer late.Stop()
	select {
	case r := <-done:
		return r.v, r.err
	case v := <-c.early:
		return v, nil
	case <-late.C:
		return rpc.Value{}, rpc.Faultf(rpc.FaultTimeout, "%s did not end within %v; started %s and may still be running: job %s",
			c.spec.Name, c.spec.Timeout, c.started.UTC().Format(time.RFC3339), c.ID)
	case <-ctx.Done():
		select { // what is over at the same moment is an answer
		case r := <-done:
			return r.v, r.err
		default:
		}
		return rpc.Value{}, rpc.Faultf(rpc.FaultCancelled, "the connection ended; started %s, job %s", c.started.UTC().Format(time.RFC3339), c.ID)
	}
}

// protect runs the work and turns a panic into an error.
func (g *guard) protect(ctx context.Context, c *call, w work, args any) (v rpc.Value, err error) {
	defer func() {
		if p := recover(); p != nil {
			g.log.ErrorContext(ctx, "method panicked", "method", c.spec.Name, "id", c.ID, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			v, err = rpc.Value{}, rpc.Faultf(rpc.FaultInternal, "internal error")
		}
	}()
	return w.run(ctx, args)
}

// faultOf is the fault for what the work returned.
func (c *call) faultOf(err error) error {
	if f, ok := errors.AsType[*rpc.Fault](err); ok {
		return f
	}
	began := c.started.UTC().Format(time.RFC3339)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return rpc.Faultf(rpc.FaultTimeout, "%s did not end within %v; started %s: %v", c.spec.Name, c.spec.Timeout, began, err)
	case errors.Is(err, context.Canceled):
		return rpc.Faultf(rpc.FaultCancelled, "%s was ended; started %s: %v", c.spec.Name, began, err)
	case errors.Is(err, fs.ErrNotExist):
		return rpc.Faultf(rpc.FaultNotFound, "%v", err)
	case errors.Is(err, fs.ErrPermission):
		return rpc.Faultf(rpc.FaultUnsupported, "the host agent may not do that: %v", err)
	case errors.Is(err, errors.ErrUnsupported):
		return rpc.Faultf(rpc.FaultUnsupported, "%v", err)
	}
	return rpc.Faultf(rpc.FaultInternal, "%v", err)
}
