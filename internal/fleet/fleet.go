// Package fleet knows who is there: the hosts of the bot's roster, their
// presence and moods, and what each says about itself.
//
// A bot makes a [Fleet] with [New], hands it the roster ([Fleet.SetRoster],
// [Fleet.Update]) and presence ([Fleet.HandlePresence]) as they arrive, and runs
// [Fleet.Run], which fetches facts from hosts that come online and makes
// snapshots. [Fleet.Snapshot] is the picture to read a sentence in, unchanging;
// [Fleet.Find] is how one host is this moment, for delivering a call.
//
// Only contacts in the roster group for hosts count: presence from anybody else
// is ignored, so nobody can make up a host.
package fleet

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"mellium.im/xmpp/jid"

	"adminbot/agentapi"
	"adminbot/grammar"
	"adminbot/internal/textsafe"
)

// HostsGroup is the roster group whose members are hosts.
const HostsGroup = "Hosts"

// Resource is the resource host agents bind, to which calls are addressed.
const Resource = "agent"

// maxHostName bounds a host's name, in bytes. A localpart of an address may have
// 1023 (RFC 7622 3.3.1), and a row of a table starts with it.
const maxHostName = 255

// Config is what a fleet is made of. Only Compile is needed.
type Config struct {
	// Compile makes the lexicon of an inventory. It is called by Run, seldom.
	Compile func(*grammar.Inventory) (*grammar.Lexicon, error)

	// Fetch asks a host what it is; see [Ask]. Nil: nothing but presence is known.
	Fetch func(ctx context.Context, to jid.JID) (Facts, error)

	Groups     map[string][]string          // group name to host names or selectors, from configuration
	Facts      map[string]map[string]string // facts of hosts that configuration states; they win over what a host says
	Inventory  grammar.Inventory            // what is known beside hosts: zone, people, workgroups
	HostsGroup string                       // roster group of hosts; "" is HostsGroup

	Fetchers int           // hosts asked at once; 0 is 8
	Refresh  time.Duration // a host is asked again after this; 0 is 15 minutes
	Debounce time.Duration // changes within this time make one snapshot; 0 is 100 ms
	Now      func() time.Time
	Log      *slog.Logger
}

// Contact is one item of the roster.
type Contact struct {
	JID    jid.JID
	Name   string
	Groups []string
	Gone   bool // subscription='remove', in a push
}

// Host is one managed machine as it is known at one moment. It is a value;
// Facts and Services are shared and never written to.
type Host struct {
	Name   string
	JID    jid.JID // bare
	Online bool
	Mood   string // happy, sad, dnd, drain, dead, or Unknown
	Show   string // of its presence
	Status string // as on the buddy list; untrusted text
	Score  int32
	Since  time.Time // when it became what it is: its mood, offline, unknown; zero: before the fleet was there to see
	Facts  Facts
}

// Unseen reports whether nobody knows how the host is: it was there when the bot
// itself lost its session, and has not been seen since.
func (h Host) Unseen() bool { return h.Mood == Unknown }

// Address is where calls go: the full address with the fixed resource.
func (h Host) Address() jid.JID {
	return jid.NewUnsafe(h.JID.Localpart(), h.JID.Domainpart(), Resource).JID // the parts are prepared already
}

// Facts are what a host says about itself. Everything in it was written by the
// host: it is bounded and cleaned by [Facts.Tidy].
type Facts struct {
	Facts          map[string]string
	Services       []string
	Checks         []string
	Components     []string
	Backups        []string
	FailoverGroups []string
	Apps           []string
	CodeSets       []string

	Odd []string // methods whose results could not be read
}

// Snapshot is the fleet at one moment. It never changes.
type Snapshot struct {
	Inventory *grammar.Inventory
	Lexicon   *grammar.Lexicon
	Hosts     []Host // sorted by name
	Unseen    int    // hosts of which nobody knows how they are

	learned uint64 // of the fleet, when it was made
}

// Host finds a host by its name.
func (s *Snapshot) Host(name string) (Host, bool) {
	i, ok := slices.BinarySearchFunc(s.Hosts, name, func(h Host, name string) int { return strings.Compare(h.Name, name) })
	if !ok {
		return Host{}, false
	}
	return s.Hosts[i], true
}

// Fleet is the state of all hosts. Its methods are safe for concurrent use.
type Fleet struct {
	cfg Config

	mu         sync.Mutex
	hosts      map[string]*host // by bare JID
	names      map[string]*host
	people     []string
	workgroups []string

	learned uint64        // how often there was something new for sentences to name
	made    chan struct{} // closed when the next snapshot is made

	dirty chan struct{} // something changed: make a snapshot
	wake  chan struct{} // somebody is to be asked
	blind blindness

	looked bool          // the server has told who is there
	known  chan struct{} // closed when that has become a picture
	snap   atomic.Pointer[Snapshot]
}

type host struct {
	Host
	watched map[*watch]struct{} // while it is online
	asked   time.Time           // last tried
	known   time.Time           // last answered
	asking  bool
	wanted  bool
	retries int
}

// New makes a fleet with no hosts. It fails when the vocabulary does not
// compile.
func New(cfg Config) (*Fleet, error) {
	cfg.HostsGroup = cmp.Or(cfg.HostsGroup, HostsGroup)
	cfg.Fetchers = cmp.Or(cfg.Fetchers, 8)
	cfg.Refresh = cmp.Or(cfg.Refresh, 15*time.Minute)
	cfg.Debounce = cmp.Or(cfg.Debounce, 100*time.Millisecond)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	f := &Fleet{
		cfg: cfg, hosts: map[string]*host{}, names: map[string]*host{},
		dirty: make(chan struct{}, 1), wake: make(chan struct{}, 1), blind: seeing(), known: make(chan struct{}), made: make(chan struct{}),
	}
	if err := f.Refresh(); err != nil {
		return nil, err
	}
	return f, nil
}

// Snapshot is the latest picture. It is never nil.
func (f *Fleet) Snapshot() *Snapshot { return f.snap.Load() }

// Find is one host as it is now, not as in the latest snapshot.
func (f *Fleet) Find(name string) (Host, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	h := f.names[name]
	if h == nil {
		return Host{}, false
	}
	return h.Host, true
}

// Len is how many hosts are in the roster.
func (f *Fleet) Len() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.hosts)
}

// Absent are the names of the hosts that are not there now.
func (f *Fleet) Absent() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var names []string
	for name, h := range f.names {
		if !h.Online {
			names = append(names, name)
		}
	}
	return names
}

// IsHost reports whether the address is that of a host in the roster.
func (f *Fleet) IsHost(j jid.JID) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.hosts[j.Bare().String()] != nil
}

// SetRoster replaces the roster: hosts that are not in it any more are
// forgotten, those that stay keep what is known of them.
func (f *Fleet) SetRoster(items []Contact) {
	f.mu.Lock()
	keep := map[string]bool{}
	var people []string
	for _, c := range items {
		bare := c.JID.Bare().String()
		switch {
		case c.Gone:
		case slices.Contains(c.Groups, f.cfg.HostsGroup):
			keep[bare] = true
			f.add(c)
		case slices.Contains(c.Groups, "People"):
			people = append(people, bare)
		}
	}
	for bare := range f.hosts {
		if !keep[bare] {
			f.remove(bare)
		}
	}
	f.people = people
	f.learned++
	f.mu.Unlock()
	f.changed()
}

// SetWorkgroups tells what the groups are called that take alerts. Names that
// cannot be said in a line are left out.
func (f *Fleet) SetWorkgroups(names []string) {
	names = slices.DeleteFunc(slices.Clone(names[:min(len(names), maxVocabulary)]), func(name string) bool {
		return name == "" || textsafe.Line(name, maxHostName) != name
	})
	slices.Sort(names)
	f.mu.Lock()
	same := slices.Equal(f.workgroups, names)
	f.workgroups = names
	if !same {
		f.learned++
	}
	f.mu.Unlock()
	if !same {
		f.changed()
	}
}

// Update applies one roster push.
func (f *Fleet) Update(c Contact) {
	f.mu.Lock()
	bare := c.JID.Bare().String()
	i := slices.Index(f.people, bare)
	if !c.Gone && slices.Contains(c.Groups, f.cfg.HostsGroup) {
		f.add(c)
	} else {
		f.remove(bare)
	}
	switch isPerson := !c.Gone && slices.Contains(c.Groups, "People"); {
	case isPerson && i < 0:
		f.people = append(f.people, bare)
	case !isPerson && i >= 0:
		f.people = slices.Delete(slices.Clone(f.people), i, i+1)
	}
	f.learned++
	f.mu.Unlock()
	f.changed()
}

// add makes a host known. The caller holds the lock.
func (f *Fleet) add(c Contact) {
	bare := c.JID.Bare()
	if f.hosts[bare.String()] != nil {
		return
	}
	name := bare.Localpart()
	if name == "" || f.names[name] != nil { // two domains, one name: the second is called by its address
		name = bare.String()
	}
	if textsafe.Line(name, maxHostName) != name {
		f.cfg.Log.Warn("no host has such a name", "jid", bare.String())
		return
	}
	h := &host{Host: Host{Name: name, JID: bare, Mood: agentapi.Dead}}
	f.hosts[bare.String()], f.names[name] = h, h
}

func (f *Fleet) remove(bare string) {
	if h := f.hosts[bare]; h != nil {
		h.left()
		delete(f.hosts, bare)
		delete(f.names, h.Name)
	}
}

func (f *Fleet) changed() {
	select {
	case f.dirty <- struct{}{}:
	default:
	}
}

// Known is closed when there is a picture to read the first sentence in: the
// server has told who is there ([Fleet.Back]), everybody who is has been asked
// what it is, and a snapshot was made of that.
func (f *Fleet) Known() <-chan struct{} { return f.known }

// complete reports whether a snapshot made now is such a picture.
func (f *Fleet) complete() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.looked {
		return false
	}
	for _, h := range f.hosts {
		if h.Online && h.wanted && h.retries == 0 {
			return false
		}
	}
	return true
}

// Run makes snapshots as things change and asks hosts for their facts, until ctx
// is done.
func (f *Fleet) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	if f.cfg.Fetch != nil {
		queue := make(chan *host)
		for range f.cfg.Fetchers {
			wg.Go(func() { f.fetch(ctx, queue) })
		}
		wg.Go(func() {
			defer close(queue)
			f.schedule(ctx, queue)
		})
	}
	wg.Go(func() { f.snapshots(ctx) })
	wg.Wait()
	return ctx.Err()
}

// snapshots waits for changes, lets a burst pass, and makes one snapshot of it.
func (f *Fleet) snapshots(ctx context.Context) {
	timer := time.NewTimer(0)
	timer.Stop()
	defer timer.Stop()
	known := sync.OnceFunc(func() { close(f.known) })
	var took time.Duration
	for {
		select {
		case <-ctx.Done():
			return
		case <-f.dirty:
		case <-f.blind.over.C:
			f.giveUp()
		}
		// The picture of very many hosts takes a while to make: it is made anew
		// for a small part of the time only, however many changes there are.
		timer.Reset(max(f.cfg.Debounce, min(pause*took, maxPause)))
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		select { // what came meanwhile is in this one
		case <-f.dirty:
		default:
		}
		complete, began := f.complete(), time.Now()
		if err := f.Refresh(); err != nil {
			f.cfg.Log.ErrorContext(ctx, "keeping the old vocabulary", "err", err)
		}
		took = time.Since(began)
		if complete {
			known()
		}
	}
}

// Between two snapshots lies pause times what the last one took, at most
// maxPause.
const (
	pause    = 5
	maxPause = 15 * time.Second
)

// Refresh makes a new snapshot now. Run calls it; a program that does not run
// the fleet may.
func (f *Fleet) Refresh() error {
	inv := f.cfg.Inventory
	f.mu.Lock()
	hosts := make([]Host, 0, len(f.hosts))
	unseen := 0
	for _, h := range f.hosts {
		hosts = append(hosts, h.Host)
		if h.Unseen() {
			unseen++
		}
	}
	inv.People = merge(inv.People, f.people)
	inv.Workgroups = merge(inv.Workgroups, f.workgroups)
	learned := f.learned
	f.mu.Unlock()
	slices.SortFunc(hosts, func(a, b Host) int { return strings.Compare(a.Name, b.Name) })

	inv.Hosts = make([]grammar.Host, 0, len(hosts))
	for i, h := range hosts {
		facts := h.Facts.Facts
		if stated := f.cfg.Facts[h.Name]; stated != nil {
			facts = maps.Clone(facts)
			if facts == nil {
				facts = map[string]string{}
			}
			maps.Copy(facts, stated)
			hosts[i].Facts.Facts = facts
		}
		inv.Hosts = append(inv.Hosts, grammar.Host{Name: h.Name, Facts: facts, Mood: spoken(h.Mood), Services: h.Facts.Services})
	}
	f.vocabulary(&inv, hosts)
	inv.Groups = f.groups(&inv)
	lex, err := f.cfg.Compile(&inv)
	if err != nil {
		return fmt.Errorf("fleet: vocabulary of %d hosts: %w", len(hosts), err)
	}
	f.snap.Store(&Snapshot{Inventory: &inv, Lexicon: lex, Hosts: hosts, Unseen: unseen, learned: learned})
	f.mu.Lock()
	close(f.made)
	f.made = make(chan struct{})
	f.mu.Unlock()
	return nil
}

// vocabulary adds what hosts call things to the inventory, within bounds.
func (f *Fleet) vocabulary(inv *grammar.Inventory, hosts []Host) {
	for _, kind := range []struct {
		into *[]string
		of   func(Facts) []string
	}{
		{&inv.Checks, func(f Facts) []string { return f.Checks }},
		{&inv.Components, func(f Facts) []string { return f.Components }},
		{&inv.Backups, func(f Facts) []string { return f.Backups }},
		{&inv.FailoverGroups, func(f Facts) []string { return f.FailoverGroups }},
		{&inv.Apps, func(f Facts) []string { return f.Apps }},
		{&inv.CodeSets, func(f Facts) []string { return f.CodeSets }},
	} {
		t := tally{}
		for _, h := range hosts {
			t.add(kind.of(h.Facts))
		}
		t.spare(hosts)
		*kind.into = merge(*kind.into, t.names())
	}
	services := tally{}
	for _, h := range hosts {
		services.add(h.Facts.Services)
	}
	all := len(services)
	services.spare(hosts)
	if len(services) == all && all <= maxVocabulary {
		return
	}
	keep := services.names()
	f.cfg.Log.Info("hosts have services that are not known by name", "services", all, "known", len(keep))
	for i, h := range inv.Hosts {
		inv.Hosts[i].Services = slices.DeleteFunc(slices.Clone(h.Services), func(s string) bool {
			_, known := slices.BinarySearch(keep, s)
			return !known
		})
	}
}

// spoken is the mood as sentences select by it.
func spoken(mood string) string {
	switch mood {
	case agentapi.DND, agentapi.Drain:
		return agentapi.Happy
	case Unknown:
		return ""
	}
	return mood
}

// groups are the configured groups with their selectors resolved to names.
func (f *Fleet) groups(inv *grammar.Inventory) map[string][]string {
	out := maps.Clone(f.cfg.Inventory.Groups)
	if out == nil {
		out = map[string][]string{}
	}
	for name, members := range f.cfg.Groups {
		var hosts []string
		for _, m := range members {
			sel, err := grammar.ParseSelector(m)
			if err != nil {
				f.cfg.Log.Warn("group member is no host or selector", "group", name, "member", m, "err", err)
				continue
			}
			hosts = append(hosts, sel.Resolve(inv)...)
		}
		slices.Sort(hosts)
		out[name] = slices.Compact(hosts)
	}
	return out
}

// merge adds names to a sorted copy of list.
func merge(list, more []string) []string {
	if len(more) == 0 {
		return list
	}
	out := slices.Concat(list, more)
	slices.Sort(out)
	return slices.Compact(out)
}
