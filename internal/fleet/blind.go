package fleet

import (
	"time"

	"adminbot/agentapi"
)

// Unknown is the mood of a host that was there when the bot itself lost its
// session, and has not been seen since. No host says it of itself.
const Unknown = "unknown"

// blindness is the time in which the bot itself has no session: what it then
// does not see is not the hosts' doing.
type blindness struct {
	since time.Time   // zero: it sees
	over  *time.Timer // when whoever has not come back is gone
}

func seeing() blindness {
	b := blindness{over: time.NewTimer(time.Hour)}
	b.over.Stop()
	return b
}

// How long after the bot hosts come back from an outage that they shared: as
// long as they were away, but not more than the longest wait between two
// attempts, and the time in which they notice that their connection is dead.
const (
	comeBack    = time.Minute
	comeBackMax = 5 * time.Minute
)

// Down tells the fleet that the bot's own session is gone, and with it all
// presence: of every host that was there nothing is known until it is seen
// again. A session that is resumed (XEP-0198) was never gone.
func (f *Fleet) Down() {
	f.mu.Lock()
	now := f.cfg.Now()
	f.blind.over.Stop()
	if f.blind.since.IsZero() {
		f.blind.since = now
	}
	for _, h := range f.hosts {
		if h.Online {
			h.Online, h.Mood, h.Show, h.Status, h.Score, h.Since = false, Unknown, "", "", 0, now
		}
	}
	f.mu.Unlock()
	f.changed()
}

// Back tells the fleet that the bot has a session, the first or one again, and that the server has
// told who is there. Hosts that were there before have some time to come back
// as well; then they count as dead, nobody knows since when.
func (f *Fleet) Back() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.looked = true
	defer f.changed()
	if f.blind.since.IsZero() {
		return
	}
	f.blind.over.Reset(comeBack + min(f.cfg.Now().Sub(f.blind.since), comeBackMax))
	f.blind.since = time.Time{}
}

// giveUp takes those that have not come back for dead.
func (f *Fleet) giveUp() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, h := range f.hosts {
		if h.Unseen() {
			h.Mood, h.Since = agentapi.Dead, time.Time{}
		}
	}
}
