package bot

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"mellium.im/xmpp/jid"

	"adminbot/internal/audit"
	"adminbot/internal/fleet"
	"adminbot/internal/policy"
	"adminbot/rpc"
)

// Fleet is who is there. [fleet.Fleet] is one.
type Fleet interface {
	Snapshot() *fleet.Snapshot                 // never nil
	Fresh(ctx context.Context) *fleet.Snapshot // waits for what hosts are being asked
	Find(name string) (fleet.Host, bool)       // as it is now
	IsHost(j jid.JID) bool
	Gone(name string, do func()) (stop func()) // do is called when it goes away
}

// Audit is where decisions and calls are written down before anything changes.
// [audit.Log] is one. Append returns when the entry is durable; Note, for what
// changes nothing, when it has its place.
type Audit interface {
	Append(context.Context, audit.Entry) error
	Note(context.Context, audit.Entry) error
}

// Config is what a bot is made of. Fleet, Transport, Policy and Audit are
// needed.
type Config struct {
	JID       jid.JID // the bot's own address
	Nick      string  // what rooms call it; "" is adminbot
	Fleet     Fleet
	Transport rpc.Transport         // carries calls to hosts
	Policy    func() *policy.Policy // the one in force now
	Audit     Audit
	Alerts    Alerts                               // nil: there is no alert service
	Aliases   Aliases                              // nil: what people say in place of other words is forgotten at the end
	Room      func(room jid.JID) (AlertRoom, bool) // what a room is for; nil: no room is for anything
	Version   string

	Now    func() time.Time // corrected by the server's clock; nil is time.Now
	Random io.Reader        // of ids, safe for concurrent use; nil is crypto/rand
	Log    *slog.Logger

	// Notify tells somebody something that they did not just ask for: a late
	// answer, a plan that waits for their approval. Nil: nobody is told.
	Notify func(context.Context, Reply)

	Flight int // calls in flight at once; 0 is 512

	// A slow answer is announced after Working, and how far it is by now is told
	// every Progress at most (R11). 0 is 2 s, and 10 s.
	Working, Progress time.Duration

	// How long a change may be on its way before its host refuses it, and how
	// long its work is waited for once it has begun: an answer that comes later
	// is told about when it comes. 0 is a minute, and half a minute.
	ChangeTTL, Work time.Duration
}

// Bot answers lines. Its methods are safe for concurrent use.
type Bot struct {
	cfg     Config
	client  *rpc.Client
	cards   *cards
	answers *answers
	talks   talks
	queues  queues
	refused *audit.Refusals
	said    said
	words   personalWords
	flight  chan struct{} // one token for each call in flight
	known   known
	heard   atomic.Uint64

	mu      sync.Mutex
	over    bool
	cancel  map[*call]context.CancelFunc // calls whose answers are still wanted
	late    sync.WaitGroup
	lateNow int // calls that only a late answer is wanted of
}

// New makes a bot.
func New(cfg Config) (*Bot, error) {
	if cfg.Fleet == nil || cfg.Transport == nil || cfg.Policy == nil || cfg.Audit == nil {
		return nil, errors.New("bot: needs a fleet, a transport, a policy and an audit log")
	}
	cfg.Nick = cmp.Or(cfg.Nick, "adminbot")
	cfg.Flight = cmp.Or(cfg.Flight, 512)
	cfg.Working = cmp.Or(cfg.Working, 2*time.Second)
	cfg.Progress = cmp.Or(cfg.Progress, 10*time.Second)
	cfg.ChangeTTL = cmp.Or(cfg.ChangeTTL, changeTTL)
	cfg.Work = cmp.Or(cfg.Work, changeWork)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Random == nil {
		cfg.Random = rand.Reader
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Notify == nil {
		cfg.Notify = func(context.Context, Reply) {}
	}
	if cfg.Aliases == nil {
		cfg.Aliases = &memoryAliases{}
	}
	b := &Bot{
		cfg: cfg, flight: make(chan struct{}, cfg.Flight), cancel: map[*call]context.CancelFunc{},
		// Who waits is bounded by execute; the call itself is kept for a late answer.
		client: &rpc.Client{Transport: cfg.Transport, Now: cfg.Now, Timeout: func(string) time.Duration { return time.Hour }},
	}
	b.refused = audit.NewRefusals(cfg.Audit.Append)
	b.answers = &answers{now: cfg.Now, byID: map[string]*kept{}}
	b.cards = newCards(cfg.Random, cfg.Now, b.answers.has)
	b.talks.now = cfg.Now
	b.said.now = cfg.Now
	b.words.store = cfg.Aliases
	return b, nil
}

// Run keeps the answers of calls that came too late for their reply, until ctx is
// done. Without it such calls are given up with their reply.
func (b *Bot) Run(ctx context.Context) error {
	<-ctx.Done()
	b.mu.Lock()
	b.over = true
	for _, cancel := range b.cancel {
		cancel()
	}
	b.mu.Unlock()
	b.late.Wait()
	b.refused.End()
	return ctx.Err()
}

// notify tells somebody else than who is being answered.
func (b *Bot) notify(ctx context.Context, r Reply) {
	r.Text = headlined(r.Text)
	b.talks.saying(keyOf(r.To, r.Room), "", b.Hear())
	b.cfg.Notify(ctx, r)
}

// Hear numbers what reaches the bot and what it has shown, in their order. A line
// that may wait before [Bot.Answer] carries the number of its arrival, so that a
// yes is not taken for the answer to a card that nobody had seen yet.
func (b *Bot) Hear() uint64 { return b.heard.Add(1) }

// knownID reports whether the id is that of a card or of an answer.
func (b *Bot) knownID(id string) bool {
	_, card := b.cards.get(id)
	return card || b.answers.has(id)
}
