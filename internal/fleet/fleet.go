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
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"mellium.im/xmpp/jid"

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

func (f *Fleet) changed() {
	select {
	case f.dirty <- struct{}{}:
	default:
	}
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
