package link

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// Bounds of what others can write into the log.
const (
	complaintsEvery = time.Minute
	complaintsEach  = 5 // of one kind in that time
)

// complaints log what others do wrong, of which there may be any amount: of each
// kind only so much in a while, and then how much more it was. Safe for
// concurrent use.
type complaints struct {
	log *slog.Logger

	mu    sync.Mutex
	kinds map[string]*complaint // by message: there are few
}

type complaint struct {
	level  slog.Level
	began  time.Time
	logged int
	more   int         // not logged
	timer  *time.Timer // that says so; nil while more is 0
}

func (c *complaints) warn(kind string, args ...any) { c.add(slog.LevelWarn, kind, args...) }

// add logs a complaint, or counts it. Kind is a constant.
func (c *complaints) add(level slog.Level, kind string, args ...any) {
	if !c.due(level, kind) {
		level = slog.LevelDebug
	}
	c.log.Log(context.Background(), level, kind, args...)
}

func (c *complaints) due(level slog.Level, kind string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.kinds == nil {
		c.kinds = make(map[string]*complaint)
	}
	k := c.kinds[kind]
	if k == nil || k.timer == nil && time.Since(k.began) >= complaintsEvery {
		k = &complaint{level: level, began: time.Now()}
		c.kinds[kind] = k
	}
	if k.logged < complaintsEach {
		k.logged++
		return true
	}
	k.more++
	if k.timer == nil {
		k.timer = time.AfterFunc(complaintsEvery-time.Since(k.began), func() { c.sum(kind, k) })
	}
	return false
}

// sum logs how many complaints of a kind were not.
func (c *complaints) sum(kind string, k *complaint) {
	c.mu.Lock()
	mine := c.kinds[kind] == k
	if mine {
		delete(c.kinds, kind)
	}
	c.mu.Unlock()
	if mine {
		c.log.Log(context.Background(), k.level, kind, "more", k.more)
	}
}

// end logs at once what is to be said of those that were not logged.
func (c *complaints) end() {
	c.mu.Lock()
	kinds := c.kinds
	c.kinds = nil
	c.mu.Unlock()
	for kind, k := range kinds {
		if k.timer != nil {
			k.timer.Stop()
			c.log.Log(context.Background(), k.level, kind, "more", k.more)
		}
	}
}
