//go:build !unit

package service

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/godbus/dbus/v5/prop"
)

// The systemd here is a fake: a small org.freedesktop.systemd1 that answers
// the calls this package makes, on a real dbus-daemon of the test's own.
// What systemd itself does is not tested.

const (
	managerPath  = dbus.ObjectPath("/org/freedesktop/systemd1")
	managerIface = "org.freedesktop.systemd1.Manager"
)

// bus starts a private dbus-daemon at the address and ends it with the test.
func bus(t *testing.T, socket string) (stop func()) {
	t.Helper()
	conf := filepath.Join(t.TempDir(), "bus.conf")
	if err := os.WriteFile(conf, fmt.Appendf(nil, `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:path=%s</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>
`, socket), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("dbus-daemon", "--config-file="+conf, "--nofork", "--nopidfile", "--print-address=1")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("dbus-daemon (Debian package dbus-daemon): %v", err)
	}
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatalf("dbus-daemon did not start: %v", err)
	}
	stop = sync.OnceFunc(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = os.Remove(socket)
	})
	t.Cleanup(stop)
	return stop
}

func dialer(socket string) Dial {
	return func() (*dbus.Conn, error) { return dbus.Connect("unix:path=" + socket) }
}

// fakeUnit is one service of the fake.
type fakeUnit struct {
	name, active, sub string
	pid               uint32
	canReload         bool
	props             *prop.Properties
}

// fakeSystemd is the manager object.
type fakeSystemd struct {
	conn *dbus.Conn

	mu    sync.Mutex
	units map[string]*fakeUnit
	jobs  int
	calls []string
	// hold, when set, keeps jobs unfinished until it is closed.
	hold chan struct{}
	// result of the next job instead of "done".
	result string
}

func newFakeSystemd(t *testing.T, socket string, units ...*fakeUnit) *fakeSystemd {
	t.Helper()
	conn, err := dialer(socket)()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	f := &fakeSystemd{conn: conn, units: map[string]*fakeUnit{}}
	for _, u := range units {
		f.units[u.name] = u
		spec := prop.Map{
			"org.freedesktop.systemd1.Unit": {
				"LoadState": {Value: "loaded"}, "ActiveState": {Value: u.active}, "SubState": {Value: u.sub},
				"Description": {Value: "fake " + u.name}, "UnitFileState": {Value: "enabled"},
				"StateChangeTimestamp": {Value: uint64(1763650800000000)}, "CanReload": {Value: u.canReload},
			},
			"org.freedesktop.systemd1.Service": {
				"MainPID": {Value: u.pid}, "NRestarts": {Value: uint32(2)}, "MemoryCurrent": {Value: uint64(5 << 20)},
				"Result": {Value: "success"}, "ExecMainStatus": {Value: int32(0)},
			},
		}
		if u.props, err = prop.Export(conn, unitPath(u.name), spec); err != nil {
			t.Fatal(err)
		}
	}
	// A unit nobody knows still has an object, as in systemd.
	if _, err := prop.Export(conn, unitPath("ghost.service"), prop.Map{"org.freedesktop.systemd1.Unit": {"LoadState": {Value: "not-found"}, "ActiveState": {Value: "inactive"}}}); err != nil {
		t.Fatal(err)
	}
	if err := conn.Export(f, managerPath, managerIface); err != nil {
		t.Fatal(err)
	}
	reply, err := conn.RequestName("org.freedesktop.systemd1", dbus.NameFlagDoNotQueue)
	if err != nil || reply != dbus.RequestNameReplyPrimaryOwner {
		t.Fatalf("owning the name: %v, %v", reply, err)
	}
	return f
}

// unitPath is the object path systemd gives a unit.
func unitPath(name string) dbus.ObjectPath {
	var b strings.Builder
	for i, c := range []byte(name) {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || i > 0 && c >= '0' && c <= '9' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "_%x", c)
		}
	}
	return managerPath + "/unit/" + dbus.ObjectPath(b.String())
}

type listedUnit struct {
	Name, Description, Load, Active, Sub, Followed string
	Path                                           dbus.ObjectPath
	JobID                                          uint32
	JobType                                        string
	JobPath                                        dbus.ObjectPath
}

// ListUnitsByPatterns is the call of that name.
func (f *fakeSystemd) ListUnitsByPatterns(states, patterns []string) ([]listedUnit, *dbus.Error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := []listedUnit{{Name: "missing.service", Load: "not-found", Active: "inactive", Sub: "dead", Path: "/", JobPath: "/"}}
	for _, u := range f.units {
		out = append(out, listedUnit{Name: u.name, Description: "fake " + u.name, Load: "loaded", Active: u.active, Sub: u.sub, Path: unitPath(u.name), JobPath: "/"})
	}
	return out, nil
}

// ListUnitFiles is the call of that name.
func (f *fakeSystemd) ListUnitFiles() ([]struct{ Path, Type string }, *dbus.Error) {
	return []struct{ Path, Type string }{{"/lib/systemd/system/web.service", "enabled"}}, nil
}

func (f *fakeSystemd) job(verb, unit string, apply func(u *fakeUnit)) (dbus.ObjectPath, *dbus.Error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, verb+" "+unit)
	u, ok := f.units[unit]
	if !ok {
		return "", dbus.NewError("org.freedesktop.systemd1.NoSuchUnit", []any{"Unit " + unit + " not found."})
	}
	f.jobs++
	id := f.jobs
	path := dbus.ObjectPath(fmt.Sprintf("%s/job/%d", managerPath, id))
	hold, result := f.hold, f.result
	if result == "" {
		result = "done"
	}
	go func() { // the job runs after the reply, as in systemd
		if hold != nil {
			<-hold
		}
		if result == "done" {
			f.mu.Lock()
			apply(u)
			u.props.SetMust("org.freedesktop.systemd1.Unit", "ActiveState", u.active)
			u.props.SetMust("org.freedesktop.systemd1.Unit", "SubState", u.sub)
			u.props.SetMust("org.freedesktop.systemd1.Service", "MainPID", u.pid)
			f.mu.Unlock()
		}
		_ = f.conn.Emit(managerPath, managerIface+".JobRemoved", uint32(id), path, unit, result)
	}()
	return path, nil
}

// set changes how jobs go from now on.
func (f *fakeSystemd) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

// StartUnit and the others are the calls of these names.
func (f *fakeSystemd) StartUnit(unit, mode string) (dbus.ObjectPath, *dbus.Error) {
	return f.job("start", unit, func(u *fakeUnit) { u.active, u.sub, u.pid = "active", "running", u.pid+1000 })
}

func (f *fakeSystemd) StopUnit(unit, mode string) (dbus.ObjectPath, *dbus.Error) {
	return f.job("stop", unit, func(u *fakeUnit) { u.active, u.sub, u.pid = "inactive", "dead", 0 })
}

func (f *fakeSystemd) RestartUnit(unit, mode string) (dbus.ObjectPath, *dbus.Error) {
	return f.job("restart", unit, func(u *fakeUnit) { u.active, u.sub, u.pid = "active", "running", u.pid+1 })
}

func (f *fakeSystemd) ReloadUnit(unit, mode string) (dbus.ObjectPath, *dbus.Error) {
	return f.job("reload", unit, func(u *fakeUnit) {})
}

func (f *fakeSystemd) called() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.calls...)
}

func TestFakeSystemd(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "bus")
	bus(t, socket)
	f := newFakeSystemd(t, socket,
		&fakeUnit{name: "web.service", active: "active", sub: "running", pid: 100, canReload: true},
		&fakeUnit{name: "db@1.service", active: "failed", sub: "failed"})
	m := NewSystemd(dialer(socket))
	defer m.Close()

	st := status(t, m, "web.service")
	if st.Active != "active" || st.Sub != "running" || st.Enabled != "enabled" || st.MainPID == nil || *st.MainPID != 100 ||
		st.Restarts == nil || *st.Restarts != 2 || st.MemoryBytes == nil || *st.MemoryBytes != 5<<20 || st.Result != "success" ||
		!st.Since.Equal(time.Unix(1763650800, 0)) || st.ExitCode != nil {
		t.Errorf("status: %+v", st)
	}
	if st := status(t, m, "db@1.service"); st.Active != "failed" || st.MainPID != nil || st.ExitCode == nil {
		t.Errorf("status of what failed: %+v", st)
	}
	for _, unit := range []string{"ghost.service", "nowhere.service"} {
		if _, err := m.Status(t.Context(), unit); !errors.Is(err, ErrNotFound) && unit == "ghost.service" {
			t.Errorf("%s: %v", unit, err)
		} else if err == nil {
			t.Errorf("%s: no error", unit)
		}
	}
	list, err := m.List(t.Context())
	if err != nil || len(list) != 2 || list[0].Unit != "db@1.service" || list[1].Enabled != "enabled" || list[1].Restarts == nil {
		t.Errorf("list: %+v, %v", list, err)
	}

	do(t, m, Restart, "web.service")
	if st := status(t, m, "web.service"); *st.MainPID != 101 {
		t.Errorf("restarted: %+v", st)
	}
	do(t, m, Reload, "web.service")
	if st := status(t, m, "web.service"); *st.MainPID != 101 {
		t.Errorf("reloaded: %+v", st)
	}
	do(t, m, Stop, "web.service")
	if st := status(t, m, "web.service"); st.Active != "inactive" {
		t.Errorf("stopped: %+v", st)
	}
	do(t, m, Start, "web.service")
	if err := m.Do(t.Context(), Reload, "db@1.service"); !errors.Is(err, ErrUnsupported) {
		t.Errorf("reload of what has none: %v", err)
	}
	if err := m.Do(t.Context(), Start, "ghost.service"); !errors.Is(err, ErrNotFound) {
		t.Errorf("start of nothing: %v", err)
	}
	f.set(func() { f.result = "failed" })
	err = m.Do(t.Context(), Start, "db@1.service")
	if fail, ok := errors.AsType[*Failure](err); !ok || fail.Why != "systemd says failed" {
		t.Errorf("a failed job: %v", err)
	}
	want := "restart web.service, reload web.service, stop web.service, start web.service, start db@1.service"
	if got := strings.Join(f.called(), ", "); got != want {
		t.Errorf("calls: %s", got)
	}
}

func TestFakeSystemdSlow(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "bus")
	bus(t, socket)
	f := newFakeSystemd(t, socket, &fakeUnit{name: "web.service", active: "active", sub: "running", pid: 100})
	f.set(func() { f.hold = make(chan struct{}) })
	defer close(f.hold)
	m := NewSystemd(dialer(socket))
	defer m.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := m.Do(ctx, Restart, "web.service"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

// TestFakeSystemdBusRestarts restarts dbus-daemon: while an action runs it is
// lost and said so, and never sent twice; afterwards questions work again.
func TestFakeSystemdBusRestarts(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "bus")
	stop := bus(t, socket)
	f := newFakeSystemd(t, socket, &fakeUnit{name: "web.service", active: "active", sub: "running", pid: 100})
	f.set(func() { f.hold = make(chan struct{}) })
	m := NewSystemd(dialer(socket))
	defer m.Close()
	status(t, m, "web.service")
	lost := make(chan error, 1)
	go func() { lost <- m.Do(context.Background(), Restart, "web.service") }()
	for len(f.called()) == 0 {
		if err := t.Context().Err(); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	if err := <-lost; !errors.Is(err, ErrLost) {
		t.Errorf("action: %v", err)
	}
	close(f.hold)
	if _, err := m.Status(t.Context(), "web.service"); !errors.Is(err, ErrUnavailable) {
		t.Errorf("without a bus: %v", err)
	}
	bus(t, socket)
	g := newFakeSystemd(t, socket, &fakeUnit{name: "web.service", active: "active", sub: "running", pid: 500})
	if st := status(t, m, "web.service"); *st.MainPID != 500 {
		t.Errorf("after the restart: %+v", st)
	}
	if len(f.called()) != 1 || len(g.called()) != 0 {
		t.Errorf("calls: %v, %v", f.called(), g.called())
	}
}
