package bot

import (
	"fmt"
	"time"

	"adminbot/internal/fleet"
)

// Why a call did not leave when that was not the host's doing: the bot itself
// has no connection, or is just back and the host is not.
const (
	noConnection = "the bot has no connection to its server"
	notBack      = "not seen since the bot was disconnected"
)

// wentAway is why a host did not answer that was there when it was called.
const wentAway = "it went away"

// comesBack are the waits before a call that surely was not sent is tried again:
// most connections that break are back within seconds, and nothing can have been
// done twice.
var comesBack = []time.Duration{time.Second, 3 * time.Second, 5 * time.Second}

// offline is the outcome for a host that is not there.
func (r Result) offline(h fleet.Host) Result {
	r.Outcome, r.Since, r.Why = Unreachable, h.Since, ""
	if h.Unseen() {
		r.Since, r.Why = time.Time{}, notBack
	}
	return r
}

// apart reports whether a call was not sent because of the bot's own connection:
// such a host must not be called offline.
func (r Result) apart() bool {
	return r.Outcome == Unreachable && (r.Why == noConnection || r.Why == notBack)
}

// unseenLine says that hosts are missing from an answer about moods because
// nobody knows theirs; shown is how many of them it does list.
func unseenLine(unseen, shown int) string {
	if unseen <= shown {
		return ""
	}
	return fmt.Sprintf("%s %s since the bot was disconnected", plural(unseen-shown, "host"), map[bool]string{true: "was not seen", false: "were not seen"}[unseen-shown == 1])
}
