package service

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	sd "github.com/coreos/go-systemd/v22/dbus"
	"github.com/godbus/dbus/v5"

	"adminbot/agentapi"
)

// Dial opens a connection to the bus systemd is on, authenticated and greeted.
type Dial func() (*dbus.Conn, error)

// detailed is for how many units of a list more is asked than the list holds.
const detailed = 400

// Systemd manages units over D-Bus. It connects when it is first asked and
// again when the bus was restarted.
type Systemd struct {
	dial Dial

	mu   sync.Mutex
	conn *sd.Conn
}

// NewSystemd returns the manager of the system's units; dial nil means the
// system bus.
func NewSystemd(dial Dial) *Systemd {
	if dial == nil {
		dial = func() (*dbus.Conn, error) { return dbus.ConnectSystemBus() }
	}
	return &Systemd{dial: dial}
}

// Kind is "systemd".
func (m *Systemd) Kind() string { return "systemd" }

// Close ends the connection; the next call opens another.
func (m *Systemd) Close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.conn != nil {
		m.conn.Close()
		m.conn = nil
	}
}

// connect returns a connection that was alive a moment ago.
func (m *Systemd) connect() (*sd.Conn, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.conn != nil {
		if m.conn.Connected() {
			return m.conn, nil
		}
		m.conn.Close()
		m.conn = nil
	}
	c, err := sd.NewConnection(m.dial)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	m.conn = c
	return c, nil
}

// ask runs a question, once more on a new connection when the old one turns
// out to be dead.
func (m *Systemd) ask(f func(c *sd.Conn) error) error {
	c, err := m.connect()
	if err != nil {
		return err
	}
	err = f(c)
	if err == nil || c.Connected() {
		return translate(err)
	}
	if c, err = m.connect(); err != nil {
		return err
	}
	return translate(f(c))
}

// translate gives the errors of the bus the names of this package.
func translate(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, dbus.ErrClosed) {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	e, ok := errors.AsType[dbus.Error](err)
	if !ok {
		return fmt.Errorf("service: %w", err)
	}
	switch e.Name {
	case "org.freedesktop.systemd1.NoSuchUnit", "org.freedesktop.systemd1.LoadFailed":
		return fmt.Errorf("%w: %w", ErrNotFound, err)
	case "org.freedesktop.systemd1.JobTypeNotApplicable", "org.freedesktop.systemd1.OnlyByDependency":
		return fmt.Errorf("%w: %w", ErrUnsupported, err)
	case "org.freedesktop.DBus.Error.ServiceUnknown", "org.freedesktop.DBus.Error.NoReply", "org.freedesktop.DBus.Error.NameHasNoOwner":
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return fmt.Errorf("service: %s: %w", e.Name, err)
}

// List returns the loaded services, sockets and timers.
func (m *Systemd) List(ctx context.Context) ([]Status, error) {
	var out []Status
	err := m.ask(func(c *sd.Conn) error {
		units, err := c.ListUnitsByPatternsContext(ctx, nil, []string{"*.service", "*.socket", "*.timer"})
		if err != nil {
			return err
		}
		enabled := map[string]string{}
		if files, err := c.ListUnitFilesContext(ctx); err == nil {
			for _, f := range files {
				enabled[f.Path[strings.LastIndexByte(f.Path, '/')+1:]] = f.Type
			}
		}
		out = out[:0]
		for _, u := range units {
			st := Status{UnitState: agentapi.UnitState{
				Unit: u.Name, Load: u.LoadState, Active: u.ActiveState, Sub: u.SubState,
				Description: u.Description, Enabled: enabled[u.Name],
			}}
			// A unit that something refers to and nobody installed.
			if st.Load == "not-found" && st.Active == "inactive" {
				continue
			}
			if len(out) < detailed {
				m.detail(ctx, c, &st)
			}
			out = append(out, st)
		}
		return nil
	})
	slices.SortFunc(out, func(a, b Status) int { return cmp.Compare(a.Unit, b.Unit) })
	return out, err
}

// detail adds since, restarts and memory, each where systemd knows it.
func (m *Systemd) detail(ctx context.Context, c *sd.Conn, st *Status) {
	if p, err := c.GetUnitPropertyContext(ctx, st.Unit, "StateChangeTimestamp"); err == nil {
		st.Since = stamp(p.Value.Value())
	}
	if strings.HasSuffix(st.Unit, ".service") && st.Active != "inactive" {
		if p, err := c.GetUnitTypePropertiesContext(ctx, st.Unit, "Service"); err == nil {
			st.counters(p)
		}
	}
}

// Status returns everything about one unit.
func (m *Systemd) Status(ctx context.Context, unit string) (Status, error) {
	var st Status
	err := m.ask(func(c *sd.Conn) error {
		p, err := c.GetUnitPropertiesContext(ctx, unit)
		if err != nil {
			return err
		}
		text := func(name string) string { s, _ := p[name].(string); return s }
		st = Status{UnitState: agentapi.UnitState{
			Unit: unit, Load: text("LoadState"), Active: text("ActiveState"), Sub: text("SubState"),
			Description: text("Description"), Enabled: text("UnitFileState"), Since: stamp(p["StateChangeTimestamp"]),
		}}
		if st.Load == "not-found" {
			return fmt.Errorf("%w: %s", ErrNotFound, unit)
		}
		if kind := unit[strings.LastIndexByte(unit, '.')+1:]; kind == "service" {
			s, err := c.GetUnitTypePropertiesContext(ctx, unit, "Service")
			if err != nil {
				return err
			}
			st.counters(s)
			st.Result, _ = s["Result"].(string)
			if pid, ok := s["MainPID"].(uint32); ok && pid > 0 {
				n := int32(pid)
				st.MainPID = &n
			}
			if code, ok := s["ExecMainStatus"].(int32); ok && st.MainPID == nil {
				st.ExitCode = &code
			}
		}
		return nil
	})
	if errors.Is(err, ErrNotFound) {
		return Status{}, fmt.Errorf("%w: %s", ErrNotFound, unit)
	}
	return st, err
}

func (st *Status) counters(p map[string]any) {
	if n, ok := p["NRestarts"].(uint32); ok {
		r := int32(min(n, 1<<31-1))
		st.Restarts = &r
	}
	// systemd says 2^64-1 where it does not account memory.
	if n, ok := p["MemoryCurrent"].(uint64); ok && n < 1<<63 {
		b := int64(n)
		st.MemoryBytes = &b
	}
}

// stamp is a time in systemd's microseconds; zero for never.
func stamp(v any) time.Time {
	us, ok := v.(uint64)
	if !ok || us == 0 || us > 1<<62 {
		return time.Time{}
	}
	return time.UnixMicro(int64(us)).UTC()
}

// Do queues a job and waits for its end. An action is never sent twice: when
// the connection breaks while it runs, the error is [ErrLost].
func (m *Systemd) Do(ctx context.Context, action Action, unit string) error {
	if _, err := m.Status(ctx, unit); err != nil {
		return err
	}
	c, err := m.connect()
	if err != nil {
		return err
	}
	if action == Reload {
		if p, err := c.GetUnitPropertyContext(ctx, unit, "CanReload"); err == nil && p.Value.Value() == false {
			return fmt.Errorf("%w: %s has no reload", ErrUnsupported, unit)
		}
	}
	call := map[Action]func(context.Context, string, string, chan<- string) (int, error){
		Start: c.StartUnitContext, Stop: c.StopUnitContext, Restart: c.RestartUnitContext, Reload: c.ReloadUnitContext,
	}[action]
	if call == nil {
		return fmt.Errorf("%w: %s", ErrUnsupported, action)
	}
	done := make(chan string, 1)
	if _, err := call(ctx, unit, "replace", done); err != nil {
		if ctx.Err() == nil && c.Connected() {
			return translate(err)
		}
		return fmt.Errorf("%w: %w", ErrLost, err)
	}
	watch := time.NewTicker(time.Second)
	defer watch.Stop()
	for {
		select {
		case result := <-done:
			if result == "done" {
				return nil
			}
			return &Failure{Action: action, Unit: unit, Why: "systemd says " + result, ExitCode: -1}
		case <-ctx.Done():
			return fmt.Errorf("service: %s of %s goes on in systemd: %w", action, unit, ctx.Err())
		case <-watch.C:
			if !c.Connected() {
				return ErrLost
			}
		}
	}
}
