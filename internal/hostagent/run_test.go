package hostagent

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"adminbot/agentapi"
	"adminbot/internal/hostagent/service"
	"adminbot/rpc"
)

// TestSessionEnds: a change that has begun goes on without its session, one
// that waits is given up.
func TestSessionEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.units.before = func(ctx context.Context, _ service.Action, _ string) error {
			time.Sleep(10 * time.Second)
			return ctx.Err()
		}
		ctx, cancel := context.WithCancel(t.Context())
		c := &rpc.Client{Transport: rpc.Loopback{Mux: r.agent.Mux(), From: bot}}
		var wg sync.WaitGroup
		errs := make([]error, 2)
		for i, key := range []string{"first", "second"} {
			wg.Go(func() {
				errs[i] = c.Call(ctx, host, "service.restart", rpc.Envelope{Actor: alice, Key: key}, unitArgs{Unit: "app"}, nil)
			})
			synctest.Wait()
		}
		cancel()
		wg.Wait()
		if len(r.units.done()) != 1 {
			t.Errorf("done: %v", r.units.done())
		}
		time.Sleep(20 * time.Second)
		synctest.Wait()
		var res agentapi.ServiceChangeResult
		if err := r.asAlice("service.restart", rpc.Envelope{Key: "first"}, unitArgs{Unit: "app"}, &res); err != nil || !res.Active {
			t.Errorf("the first answer: %+v, %v", res, err)
		}
		if len(r.units.done()) != 1 {
			t.Errorf("done: %v", r.units.done())
		}
		if err := r.asAlice("service.restart", rpc.Envelope{Key: "second"}, unitArgs{Unit: "app"}, &res); err != nil || len(r.units.done()) != 2 {
			t.Errorf("the one that had not begun: %v, done %v", err, r.units.done())
		}
	})
}

func TestReadsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(c *Config) { c.Limits.Concurrent = 2 })
		hold := make(chan struct{})
		spec := agentapi.Spec(agentapi.RPCPing)
		w := work{run: func(context.Context, any) (rpc.Value, error) { <-hold; return rpc.Bool(true), nil }}
		req := &rpc.Request{From: ci, Method: spec.Name, Received: time.Now()}
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() {
				if _, err := r.agent.guard.serve(t.Context(), spec, req, w); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		wantFault(t, r.asAlice("rpc.ping", rpc.Envelope{}, nil, nil), 429, "2 calls are running")
		close(hold)
		wg.Wait()
		if err := r.asAlice("rpc.ping", rpc.Envelope{}, nil, nil); err != nil {
			t.Error(err)
		}
		var info agentapi.AgentInfoResult
		if err := r.asAlice("agent.info", rpc.Envelope{}, nil, &info); err != nil || info.LastLimitHit != "rpc.ping: 2 calls are running: try again" {
			t.Errorf("%+v, %v", info, err)
		}
	})
}

func TestTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		began := time.Now()
		r.units.before = func(ctx context.Context, _ service.Action, _ string) error {
			<-ctx.Done()
			return fmt.Errorf("service: %w", ctx.Err())
		}
		var none int32 = 120
		err := r.asAlice("service.restart", rpc.Envelope{TTL: time.Hour, Key: "k"}, unitArgs{Unit: "app", Wait: &none}, nil)
		if err != nil {
			t.Errorf("first answered with the job: %v", err)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		err = r.asAlice("service.restart", rpc.Envelope{TTL: time.Hour, Key: "k"}, unitArgs{Unit: "app", Wait: &none}, nil)
		wantFault(t, err, 408, "started "+began.UTC().Format(time.RFC3339))

		// Work that does not look at its context holds nobody up for ever.
		spec := agentapi.Spec(agentapi.ServiceRestart)
		hold := make(chan struct{})
		w := work{run: func(context.Context, any) (rpc.Value, error) { <-hold; return rpc.Bool(true), nil }}
		req := &rpc.Request{From: bot, Method: spec.Name, Received: time.Now(), Envelope: rpc.Envelope{Created: time.Now(), TTL: time.Minute, Actor: alice, Key: "deaf"}}
		_, err = r.agent.guard.serve(t.Context(), spec, req, w)
		wantFault(t, err, 408, "may still be running: job j-")
		_, err = r.agent.guard.serve(t.Context(), spec, req, w)
		wantFault(t, err, 409, "this call is running already")
		close(hold)
		synctest.Wait()
		v, err := r.agent.guard.serve(t.Context(), spec, req, w)
		if ok, _ := v.AsBool(); err != nil || !ok {
			t.Errorf("%v, %v", v, err)
		}
	})
}

// TestJob: an action that takes longer than the caller waits is answered with
// its job, and goes on.
func TestJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.units.before = func(context.Context, service.Action, string) error { time.Sleep(20 * time.Second); return nil }
		var wait int32 = 5
		began := time.Now()
		var res agentapi.ServiceChangeResult
		if err := r.asAlice("service.stop", rpc.Envelope{Key: "k"}, unitArgs{Unit: "app", Wait: &wait}, &res); err != nil {
			t.Fatal(err)
		}
		if time.Since(began) != 5*time.Second || res.Job == "" || res.Before != "active" || res.After != "deactivating" || res.TookMS != 5000 {
			t.Errorf("after %v: %+v", time.Since(began), res)
		}
		wantFault(t, r.asAlice("service.stop", rpc.Envelope{Key: "k"}, unitArgs{Unit: "app", Wait: &wait}, nil), 409, res.Job)
		get := func(in map[string]any) agentapi.JobGetResult {
			t.Helper()
			var j agentapi.JobGetResult
			if err := r.asAlice("job.get", rpc.Envelope{}, in, &j); err != nil {
				t.Fatal(err)
			}
			return j
		}
		if j := get(map[string]any{"id": res.Job}); j.State != "running" || j.Method != "service.stop" || j.Actor != alice.String() || j.ExitCode != nil {
			t.Errorf("job: %+v", j)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		j := get(map[string]any{"key": "k"})
		if j.ID != res.Job || j.State != "done" || j.ExitCode == nil || *j.ExitCode != 0 || !strings.Contains(j.Out, `"after":"inactive"`) {
			t.Errorf("job: %+v", j)
		}
		if part := get(map[string]any{"key": "k", "offset": 2.0, "limit_bytes": 10}); part.Out != j.Out[2:12] || part.Next != "12" {
			t.Errorf("a part: %+v", part)
		}
		var list agentapi.JobListResult
		if err := r.asAlice("job.list", rpc.Envelope{}, nil, &list); err != nil || len(list.Jobs) != 1 || list.Jobs[0].ID != res.Job {
			t.Errorf("jobs: %+v, %v", list, err)
		}
		wantFault(t, r.asAlice("job.get", rpc.Envelope{}, map[string]any{"id": "j-none"}, nil), 404, "no such job")
	})
}

// TestKey: a repeated key returns the first answer, also from another process.
func TestKey(t *testing.T) {
	r := newRig(t, nil)
	call := func(key, unit string) (agentapi.ServiceChangeResult, error) {
		var res agentapi.ServiceChangeResult
		err := r.asAlice("service.restart", rpc.Envelope{Key: key}, unitArgs{Unit: unit}, &res)
		return res, err
	}
	first, err := call("k1", "app")
	if err != nil {
		t.Fatal(err)
	}
	_, fault := call("k2", "none")
	wantFault(t, fault, 404, "no such unit")
	again := func(when string) {
		t.Helper()
		res, err := call("k1", "app")
		if err != nil || *res.MainPID != *first.MainPID || !res.At.Equal(first.At) {
			t.Errorf("%s: %+v, %v", when, res, err)
		}
		_, err = call("k2", "none")
		if err == nil || err.Error() != fault.Error() {
			t.Errorf("%s: %v, want %v", when, err, fault)
		}
		if got := r.units.done(); len(got) != 1 {
			t.Errorf("%s: done %v", when, got)
		}
	}
	again("repeated")
	// An old repeat is answered too: 410 would say that nothing was done.
	env := rpc.Envelope{Key: "k1", Created: time.Now().Add(-time.Hour), TTL: time.Second}
	if err := r.asAlice("service.restart", env, unitArgs{Unit: "app"}, nil); err != nil {
		t.Errorf("an old repeat: %v", err)
	}
	if err := r.agent.Close(); err != nil {
		t.Fatal(err)
	}
	r.start()
	again("after a restart")
	// The key is of this caller, these arguments.
	if err := r.call(ci, "service.restart", rpc.Envelope{Key: "k1"}, unitArgs{Unit: "app"}, nil); err != nil {
		t.Error(err)
	}
	if _, err := call("k1", "db"); err != nil {
		t.Error(err)
	}
	if got := r.units.done(); !slices.Equal(got, []string{"restart app.service", "restart app.service", "restart db.service"}) {
		t.Errorf("done %v", got)
	}
}

// TestCrash: what had begun when the agent died may have run, and is not run
// again.
func TestCrash(t *testing.T) {
	r := newRig(t, nil)
	r.units.before = func(context.Context, service.Action, string) error {
		// The files as a kill -9 leaves them at this moment.
		dir := t.TempDir()
		for _, name := range []string{"journal", "audit.jsonl"} {
			b, err := os.ReadFile(filepath.Join(r.cfg.StateDir, name))
			if err != nil {
				t.Error(err)
			}
			if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
				t.Error(err)
			}
		}
		r.cfg.StateDir = dir
		return nil
	}
	if err := r.asAlice("service.restart", rpc.Envelope{Key: "k"}, unitArgs{Unit: "app"}, nil); err != nil {
		t.Fatal(err)
	}
	r.agent.Close()
	r.start()
	for range 2 {
		wantFault(t, r.asAlice("service.restart", rpc.Envelope{Key: "k"}, unitArgs{Unit: "app"}, nil), 520, "service.restart may have run")
		r.agent.Close()
		r.start()
	}
	if got := r.units.done(); len(got) != 1 {
		t.Errorf("done %v", got)
	}
	var j agentapi.JobGetResult
	if err := r.asAlice("job.get", rpc.Envelope{}, map[string]any{"key": "k"}, &j); err != nil || j.State != "interrupted" || !strings.Contains(j.Err, "may have run") {
		t.Errorf("job: %+v, %v", j, err)
	}
}

// TestStop: Run lets what has begun end, and refuses what has not.
func TestStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.agent.monitor.look = func(context.Context, bool) vitals { return vitals{} }
		ended := false
		r.units.before = func(ctx context.Context, _ service.Action, _ string) error {
			time.Sleep(10 * time.Second)
			ended = ctx.Err() == nil
			return nil
		}
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		var err error
		wg.Go(func() { err = r.agent.Run(ctx) })
		var first, second error
		wg.Go(func() { first = r.asAlice("service.restart", rpc.Envelope{}, unitArgs{Unit: "app"}, nil) })
		synctest.Wait()
		wg.Go(func() { second = r.asAlice("service.stop", rpc.Envelope{}, unitArgs{Unit: "app"}, nil) })
		synctest.Wait()
		cancel()
		synctest.Wait()
		wantFault(t, r.asAlice("rpc.ping", rpc.Envelope{}, nil, nil), 503, "stopping")
		wg.Wait()
		if err != nil || first != nil || !ended {
			t.Errorf("run: %v, first: %v, ended by itself: %v", err, first, ended)
		}
		wantFault(t, second, 503, "stopping")
	})
}
