package workgroups

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"mellium.im/xmpp/jid"
)

// ErrStorage is wrapped by the error of everything that could not be put on the
// disk: nothing was done, try again.
var ErrStorage = errors.New("workgroups: the store fails")

// ErrBusy says that too much waits to be done: nothing was done, try again.
var ErrBusy = errors.New("workgroups: too busy")

// Config is what a service is made of. Domain, Groups, Store and Wire are needed.
type Config struct {
	Domain jid.JID // the component's address: workgroup.example.net
	Groups []Workgroup
	Store  Store
	Wire   Wire

	Rooms *Rooms // where those who look after an alert meet; nil: nowhere

	// May says whether a person may do what changes more than one alert, or says why
	// not: alert.silence and oncall.override. Nil lets members.
	May func(who jid.JID, method string) error

	Features []string         // what else the component supports, for disco
	Now      func() time.Time // nil: time.Now
	Log      *slog.Logger     // nil discards
}

// A Service is the workgroups of one component. Its methods are safe for
// concurrent use; those that change something return when that is on the disk.
type Service struct {
	cfg    Config
	log    *slog.Logger
	events chan *event
	over   chan struct{} // closed when Run has ended
	sender sender
	rooms  *rooms // nil: there are none
	status status
	begun  begun
	outage outage
	point  func(name string) // told of each step between decision, disk and wire; nil but in tests
}

// An event is what the loop does with the machine. do may change it and must not
// keep it.
type event struct {
	do    func(m *machine, now time.Time) error
	done  chan error // holds one
	reads bool       // do changes nothing
	later bool       // what cannot be stored now counts when the store works again

	// Of the loop that runs it and the caller who gives up, the first to set it
	// decides.
	claimed atomic.Bool
}

// Bounds of the loop.
const (
	maxEvents = 4096 // waiting; more are refused
	maxBatch  = 512  // events in one commit
)

// New makes a service that does nothing until [Service.Run] is called.
func New(cfg Config) (*Service, error) {
	if cfg.Store == nil || cfg.Wire == nil || cfg.Domain.Localpart() != "" || cfg.Domain.Resourcepart() != "" || cfg.Domain.Domainpart() == "" {
		return nil, errors.New("workgroups: needs a domain, a store and a wire")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	cfg.Groups = slices.Clone(cfg.Groups)
	seen := map[string]bool{}
	for i := range cfg.Groups {
		g := &cfg.Groups[i]
		if err := g.check(cfg.Domain); err != nil {
			return nil, err
		}
		if seen[g.Name] {
			return nil, fmt.Errorf("workgroups: two are called %s", g.Name)
		}
		seen[g.Name] = true
		g.setDefaults()
	}
	s := &Service{
		cfg: cfg, log: cfg.Log,
		events: make(chan *event, maxEvents), over: make(chan struct{}),
	}
	s.sender = sender{s: s, signal: make(chan struct{}, 1), up: make(chan struct{}, 1), going: map[int64]bool{}}
	s.rooms = newRooms(s)
	s.status = newStatus(s)
	return s, nil
}

// Connected tells the service that its wire has a new connection. What had not
// arrived is sent again.
func (s *Service) Connected() {
	poke(s.sender.up)
	s.rooms.connected()
}

// Run serves until ctx ends. It may be called once.
func (s *Service) Run(ctx context.Context) error {
	defer close(s.over)
	m, err := s.load(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	s.sender.restart(m)
	s.rooms.restart(m)
	wg.Go(func() { s.sender.run(ctx) })
	wg.Go(func() { s.rooms.run(ctx) })
	wg.Go(func() { s.status.run(ctx) })
	wg.Go(func() { s.audit(ctx) })
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		var batch []*event
		select {
		case e := <-s.events:
			batch = s.gather(append(batch, e))
		case <-timer.C:
		case <-ctx.Done():
			return nil
		}
		if err := s.step(ctx, m, batch); err != nil {
			if m, err = s.recover(ctx, err); err != nil {
				return nil // ctx has ended
			}
		}
		if at, ok := m.next(); ok {
			timer.Reset(max(0, at.Sub(s.cfg.Now())))
		} else {
			timer.Stop()
		}
	}
}

// gather takes what waits behind the first event.
func (s *Service) gather(batch []*event) []*event {
	for len(batch) < maxBatch {
		select {
		case e := <-s.events:
			batch = append(batch, e)
		default:
			return batch
		}
	}
	return batch
}

// step does a batch of events, commits, and only then answers.
func (s *Service) step(ctx context.Context, m *machine, batch []*event) error {
	now := s.cfg.Now().UTC()
	results := make([]error, len(batch))
	for i, e := range batch {
		if e.claimed.CompareAndSwap(false, true) {
			results[i] = e.do(m, now)
		}
	}
	m.settle(now)
	step := m.flush()
	var err error
	if len(step.changes) > 0 {
		// Not under ctx: a change that is decided is not left half known.
		s.at("before commit")
		err = s.cfg.Store.Commit(context.WithoutCancel(ctx), step.changes)
		s.at("after commit")
	}
	for i, e := range batch {
		if err != nil {
			results[i] = s.outage.refused(e, err)
		}
		e.done <- results[i]
	}
	if err != nil {
		return err
	}
	s.at("after answers")
	s.sender.add(step.messages)
	s.rooms.add(step.rooms)
	s.status.changed(step.told)
	return nil
}

// at tells of a named point.
func (s *Service) at(name string) {
	if s.point != nil {
		s.point(name)
	}
}

// do has the loop run an event and returns when its changes are on the disk. When
// ctx ends before the loop has begun with it, nothing is done.
func (s *Service) do(ctx context.Context, do func(m *machine, now time.Time) error) error {
	return s.await(ctx, &event{do: do})
}

// look is do for what changes nothing: that works while the store fails, too.
func (s *Service) look(ctx context.Context, do func(m *machine, now time.Time) error) error {
	return s.await(ctx, &event{do: do, reads: true})
}

func (s *Service) await(ctx context.Context, e *event) error {
	e.done = make(chan error, 1)
	select {
	case s.events <- e:
	default:
		return ErrBusy
	}
	select {
	case err := <-e.done:
		return err
	case <-s.over:
		return fmt.Errorf("%w: the service has ended", ErrBusy)
	case <-ctx.Done():
		if e.claimed.CompareAndSwap(false, true) {
			return ctx.Err()
		}
	}
	select {
	case err := <-e.done:
		return err
	case <-s.over:
		return fmt.Errorf("%w: the service has ended", ErrBusy)
	}
}

// Report takes in what came together: all of it or, with an error, nothing. The
// error is an [InvalidError] if a report is wrong; it wraps [ErrNoWorkgroup],
// [ErrStorage] or [ErrBusy] otherwise.
func (s *Service) Report(ctx context.Context, reports ...Report) ([]Receipt, error) {
	for i := range reports {
		if err := reports[i].Check(); err != nil {
			return nil, err
		}
		if !s.has(reports[i].Workgroup) {
			return nil, fmt.Errorf("%w: %q", ErrNoWorkgroup, cut(reports[i].Workgroup, 60))
		}
	}
	receipts := make([]Receipt, 0, len(reports))
	err := s.do(ctx, func(m *machine, now time.Time) error {
		for _, r := range reports {
			receipt, err := m.report(r, now)
			if err != nil {
				return err // it was checked: only a person who queues twice gets here, alone
			}
			receipts = append(receipts, receipt)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return receipts, nil
}

func (s *Service) has(name string) bool {
	return slices.ContainsFunc(s.cfg.Groups, func(g Workgroup) bool { return g.Name == name })
}

// Member reports whether somebody may serve a workgroup; all of them if the name is
// empty.
func (s *Service) Member(workgroup string, who jid.JID) bool {
	return !slices.ContainsFunc(s.cfg.Groups, func(g Workgroup) bool {
		return (workgroup == "" || g.Name == workgroup) && !g.admits(who)
	}) && (workgroup == "" || s.has(workgroup))
}

// Duty has a member of a workgroup be asked by chat, until they are not to be any
// more; what they have taken stays theirs. The error wraps [ErrNoWorkgroup] or
// [ErrNotMember].
func (s *Service) Duty(ctx context.Context, workgroup string, who jid.JID, on bool) error {
	return s.do(ctx, func(m *machine, now time.Time) error {
		g, err := m.group(workgroup)
		if err != nil {
			return err
		}
		if who = who.Bare(); g.member(who) == nil {
			return fmt.Errorf("%w %s: %s", ErrNotMember, workgroup, who)
		}
		if on {
			m.present(Session{Workgroup: workgroup, JID: who}, true, now)
		} else {
			m.offDuty(workgroup, who, now)
		}
		return nil
	})
}

// Take makes a member of its workgroup the owner of an alert that has none. The
// error wraps [ErrNotFound], [ErrOver], [ErrTaken] or [ErrNotMember].
func (s *Service) Take(ctx context.Context, id int64, who jid.JID) (a Alert, err error) {
	err = s.do(ctx, func(m *machine, now time.Time) (err error) {
		a, err = m.take(id, who, now)
		return err
	})
	return a, err
}

// Pass declines an alert that is offered to who, or gives back the one that who
// owns. The error wraps [ErrNotFound], [ErrOver] or [ErrNotOffered].
func (s *Service) Pass(ctx context.Context, id int64, who jid.JID, reason string) (a Alert, err error) {
	err = s.do(ctx, func(m *machine, now time.Time) (err error) {
		a, err = m.reject(id, who, clean(reason), now)
		return err
	})
	return a, err
}

// Transfer gives an alert that from owns to another member who is there: it is
// offered to them first. The error wraps [ErrNotFound], [ErrOver], [ErrNotOffered]
// if from does not own it, or [ErrNotMember] if to is no member or not there.
func (s *Service) Transfer(ctx context.Context, id int64, from, to jid.JID, reason string) (a Alert, err error) {
	err = s.do(ctx, func(m *machine, now time.Time) (err error) {
		a, err = m.transfer(id, from, to, clean(reason), now)
		return err
	})
	return a, err
}

// Resolve ends an alert by somebody's word. Whether who may do that is for the
// caller to know.
func (s *Service) Resolve(ctx context.Context, id int64, who jid.JID, reason string) (a Alert, err error) {
	err = s.do(ctx, func(m *machine, now time.Time) (err error) {
		a, err = m.resolve(id, who, clean(reason), now)
		return err
	})
	return a, err
}

// Note puts a line of who into the timeline of an alert. The error wraps
// [ErrNotFound] or [ErrOver], or is an [InvalidError].
func (s *Service) Note(ctx context.Context, id int64, who jid.JID, text string) (a Alert, err error) {
	text = cut(clean(text), MaxDetails)
	if text == "" {
		return a, invalid("the note is empty")
	}
	err = s.do(ctx, func(m *machine, now time.Time) error {
		live, err := m.live(id)
		if err != nil {
			return err
		}
		m.note(live, now, "note", who.Bare().String(), text)
		a = *live
		return nil
	})
	return a, err
}

// Meant is the alert that who speaks of without its number, in any workgroup: the
// only one that is offered to them, or that they own. The verb is one of chat:
// take, pass, ack or resolve. The error is an [InvalidError] if there is none, or
// several.
func (s *Service) Meant(ctx context.Context, who jid.JID, verb string) (int64, error) {
	var offers, owned []int64
	for i := range s.cfg.Groups {
		o, mine, err := s.held(ctx, &s.cfg.Groups[i], who)
		if err != nil {
			return 0, err
		}
		offers, owned = append(offers, o...), append(owned, mine...)
	}
	all := spokenOf(verb, offers, owned)
	if len(all) == 1 {
		return all[0], nil
	}
	return 0, invalid("%s", whichAlert(verb, all))
}

// Alert returns an alert with its timeline, whether it has ended or not.
func (s *Service) Alert(ctx context.Context, id int64) (Alert, []Entry, error) {
	a, entries, err := s.cfg.Store.Alert(ctx, id)
	if err != nil && !errors.Is(err, ErrNotFound) {
		err = fmt.Errorf("%w: %w", ErrStorage, err)
	}
	return a, entries, err
}

// Instances returns what a grouped alert is about, at most [MaxInstances]: what is
// not over, in the order in which it came, then what is, in the order in which that
// was said. There are none if nothing has joined it.
func (s *Service) Instances(ctx context.Context, alert int64) ([]Instance, error) {
	all, err := s.cfg.Store.Instances(ctx, alert)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrStorage, err)
	}
	slices.SortStableFunc(all, func(a, b Instance) int { return a.Over.Compare(b.Over) })
	return all, nil
}

// Status tells how a workgroup stands. The error wraps [ErrNoWorkgroup].
func (s *Service) Status(ctx context.Context, workgroup string) (st Status, err error) {
	err = s.look(ctx, func(m *machine, _ time.Time) error {
		g, err := m.group(workgroup)
		if err == nil {
			st = m.status(g)
		}
		return err
	})
	return st, err
}

// Workgroups are the workgroups as configured, with their defaults.
func (s *Service) Workgroups() []Workgroup { return slices.Clone(s.cfg.Groups) }

// Ended returns alerts that have ended, the latest first; of all workgroups if
// the name is empty.
func (s *Service) Ended(ctx context.Context, workgroup string, limit int) ([]Alert, error) {
	if workgroup != "" && !s.has(workgroup) {
		return nil, fmt.Errorf("%w: %q", ErrNoWorkgroup, cut(workgroup, 60))
	}
	all, err := s.cfg.Store.Ended(ctx, workgroup, limit)
	if err != nil {
		err = fmt.Errorf("%w: %w", ErrStorage, err)
	}
	return all, err
}

// Alerts returns the alerts of a workgroup that have not ended, those without an
// owner first, each in the order in which they are served; of all workgroups if
// the name is empty.
func (s *Service) Alerts(ctx context.Context, workgroup string) (all []Alert, err error) {
	err = s.look(ctx, func(m *machine, _ time.Time) error {
		if workgroup != "" && m.groups[workgroup] == nil {
			return fmt.Errorf("%w: %q", ErrNoWorkgroup, cut(workgroup, 60))
		}
		all = m.list(workgroup)
		return nil
	})
	return all, err
}
