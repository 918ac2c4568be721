package link

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestComplaints has somebody send what is worth a warning again and again: the
// log does not fill with it, but tells how much it was, and the warnings of one
// kind leave room for those of another.
func TestComplaints(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg, peers := script(t)
		var log logText
		cfg.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))
		cfg.Timing.Idle = time.Hour
		s := New(cfg)
		p, stop := online(t, s, peers)
		p.next2(t)
		push := func() {
			p.send(`<iq type='set' id='x' from='mallory@example.net/x'><query xmlns='jabber:iq:roster'><item jid='a@example.net'/></query></iq>`)
			p.next()
		}
		count := func(what string, want int) {
			t.Helper()
			synctest.Wait()
			if n := strings.Count(log.String(), what); n != want {
				t.Errorf("%d times %q, want %d", n, what, want)
			}
		}
		for range 1000 {
			push()
		}
		count("from somebody else", complaintsEach)
		for i := range 2 {
			p.send(fmt.Sprintf(`<message id='%d'><body>`, i) + strings.Repeat("x", 100<<10) + `</body></message>`)
		}
		count("dropped an oversized stanza", 2)
		time.Sleep(30 * time.Second)
		p.alive()
		count("more=", 0)
		time.Sleep(31 * time.Second)
		p.alive()
		count("from somebody else", complaintsEach+1)
		count(fmt.Sprintf("more=%d", 1000-complaintsEach), 1)

		// The next minute begins with the next of them.
		log.Reset()
		for range complaintsEach + 3 {
			push()
		}
		count("from somebody else", complaintsEach)
		stop() // and what was held back is told before the end
		count("more=3", 1)
	})
}

// logText is what was logged, by anybody.
type logText struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logText) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *logText) Reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.b.Reset()
}
