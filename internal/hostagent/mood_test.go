package hostagent

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"adminbot/agentapi"
	"adminbot/rpc"
)

func disks(percent ...float64) []agentapi.Filesystem {
	var out []agentapi.Filesystem
	for i, p := range percent {
		out = append(out, agentapi.Filesystem{Mount: []string{"/", "/var"}[i], UsedPercent: &p, InodesFreePercent: new(50.0)})
	}
	return out
}

func num(f float64) *float64 { return &f }

// TestFeel takes a host through a day.
func TestFeel(t *testing.T) {
	var f feelings
	now := time.Date(2026, 11, 20, 16, 0, 0, 0, time.UTC)
	for _, step := range []struct {
		name    string
		v       vitals
		changed bool
		status  string
		score   int32
	}{
		{"at first", vitals{disks: disks(40, 50)}, true, "Happy", 0},
		{"nothing new", vitals{disks: disks(41, 51)}, false, "Happy", 0},
		{"nearly full", vitals{disks: disks(41, 89.9)}, false, "Happy", 0},
		{"full", vitals{disks: disks(41, 92)}, true, "Sad: need more disk (/var 92% full)", 30},
		{"it wavers", vitals{disks: disks(41, 88)}, false, "Sad: need more disk (/var 88% full)", 30},
		{"fuller", vitals{disks: disks(41, 96)}, true, "Sad: need more disk (/var 96% full)", 50},
		{"wavers up there", vitals{disks: disks(41, 94)}, false, "Sad: need more disk (/var 94% full)", 50},
		{"a little less full", vitals{disks: disks(41, 91)}, true, "Sad: need more disk (/var 91% full)", 30},
		{"memory too", vitals{disks: disks(41, 91), memUsedPercent: num(97)}, true, "Sad: need more memory (97% used), need more disk (/var 91% full)", 90},
		{"both gone", vitals{disks: disks(41, 60), memUsedPercent: num(50)}, true, "Happy", 0},
		{"a burst of load", vitals{load1: num(9), cpus: 2}, false, "Happy", 0},
		{"over", vitals{load1: num(1), cpus: 2}, false, "Happy", 0},
		{"a quick look says nothing of load", vitals{load1: num(9), cpus: 2, quick: true}, false, "Happy", 0},
		{"load", vitals{load1: num(9), cpus: 2}, false, "Happy", 0},
		{"that stays", vitals{load1: num(9.06), cpus: 2}, true, "Sad: need more CPU (load 9.1 on 2 processors)", 30},
		{"and wavers", vitals{load1: num(3.2), cpus: 2}, false, "Sad: need more CPU (load 3.2 on 2 processors)", 30},
		{"and ends", vitals{load1: num(2.9), cpus: 2}, true, "Happy", 0},
		{"everything at once", vitals{disks: disks(99, 99), memUsedPercent: num(99)}, true, "Sad: need more disk (/ 99% full), need more disk (/var 99% full), need more memory (99% used)", 100},
		{"nothing is known", vitals{}, true, "Happy", 0},
		{"read-only and stale disks do not count", vitals{disks: []agentapi.Filesystem{
			{Mount: "/cd", UsedPercent: new(100.0), ReadOnly: true}, {Mount: "/nfs", UsedPercent: new(100.0), Stale: true}}}, false, "Happy", 0},
		{"inodes", vitals{disks: []agentapi.Filesystem{{Mount: "/mail", UsedPercent: new(10.0), InodesFreePercent: new(3.0)}}}, true, "Sad: need more inodes (/mail 97% used)", 30},
		{"no inode left", vitals{disks: []agentapi.Filesystem{{Mount: "/mail", UsedPercent: new(10.0), InodesFreePercent: new(0.0)}}}, true, "Sad: need more inodes (/mail 100% used)", 60},
	} {
		before := f.mood
		now = now.Add(time.Minute)
		changed := f.feel(step.v, now)
		if changed != step.changed || f.mood.Status() != step.status || f.mood.Score != step.score {
			t.Errorf("%s: changed %v, %q, score %d", step.name, changed, f.mood.Status(), f.mood.Score)
		}
		if changed != (f.mood.Sequence == before.Sequence+1) {
			t.Errorf("%s: sequence %d after %d", step.name, f.mood.Sequence, before.Sequence)
		}
		if since := f.mood.Since.Equal(now); since != (f.mood.Mood != before.Mood) {
			t.Errorf("%s: since %v", step.name, f.mood.Since)
		}
		if _, err := agentapi.DecodeMood(f.mood.TokenReader()); err != nil {
			t.Errorf("%s: payload: %v", step.name, err)
		}
	}
}

// TestPresence: the first mood and every change are told, and nothing else.
func TestPresence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		var used atomic.Int64
		used.Store(50)
		r.agent.monitor.look = func(context.Context, bool) vitals { return vitals{disks: disks(float64(used.Load()))} }
		var told []string
		r.agent.SetPresence(func(_ context.Context, m agentapi.Mood) { told = append(told, m.Show()+" "+m.Status()) })
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- r.agent.Run(ctx) }()
		synctest.Wait()
		time.Sleep(5*time.Minute + time.Second)
		used.Store(96)
		time.Sleep(time.Minute)
		synctest.Wait()
		var res agentapi.PresenceGetResult
		if err := r.asAlice("presence.get", rpc.Envelope{}, nil, &res); err != nil ||
			res.Mood != agentapi.Sad || res.Show != "away" || res.Score != 50 || len(res.Reasons) != 1 || res.Reasons[0].Check != "disk:/" || res.Sequence != 2 {
			t.Errorf("presence.get: %+v, %v", res, err)
		}
		if m := r.agent.Mood(ctx); m.Sequence != res.Sequence {
			t.Errorf("mood: %+v", m)
		}
		time.Sleep(5 * time.Minute)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if len(told) != 2 || told[0] != " Happy" || told[1] != "away Sad: need more disk (/ 96% full)" {
			t.Errorf("told %q", told)
		}
	})
}

// TestRealVitals looks at this machine.
func TestRealVitals(t *testing.T) {
	r := newRig(t, nil)
	for _, quick := range []bool{true, false} {
		v := r.agent.sources.vitals(t.Context(), quick)
		if v.memUsedPercent == nil || v.load1 == nil || v.cpus < 1 || len(v.disks) == 0 || v.quick != quick {
			t.Errorf("got %+v", v)
		}
	}
	if m := r.agent.Mood(t.Context()); m.Mood == "" || m.Since.IsZero() {
		t.Errorf("mood: %+v", m)
	}
}
