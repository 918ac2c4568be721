package bot

import (
	"context"
	"sync"
	"time"

	"mellium.im/xmpp/jid"
)

// typingAfter is how long an answer may take before the person sees that the
// bot is at work on it. Nobody sees less, and the notice would hold up the
// answer: on a busy server it costs as much as the answer itself.
const typingAfter = 100 * time.Millisecond

// A typing is the notice that one line is being answered (R11, XEP-0085). It is
// sent once, and never behind a reply.
type typing struct {
	timer *time.Timer

	mu   sync.Mutex // held while the notice is sent
	over bool
}

// typing begins the time until to sees that the bot is at work.
func (c *Chat) typing(ctx context.Context, to jid.JID) *typing {
	t := &typing{}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.timer = time.AfterFunc(typingAfter, func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if !t.over {
			c.composing(ctx, to)
		}
	})
	return t
}

// end is called before each reply, whose own chat state says how it goes on. It
// waits for a notice that is being sent.
func (t *typing) end() {
	t.timer.Stop()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.over = true
}
