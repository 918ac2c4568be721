package link

import (
	"context"
	"log/slog"
	"time"

	"adminbot/internal/ration"
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
	log    *slog.Logger
	ration ration.Ration // by message: there are few
}

func newComplaints(log *slog.Logger) *complaints {
	return &complaints{log, ration.Ration{Each: complaintsEach, Every: complaintsEvery, More: func(kind string, n int, since time.Time) {
		log.Warn(kind, "more", n, "since", since)
	}}}
}

func (c *complaints) warn(kind string, args ...any) { c.add(slog.LevelWarn, kind, args...) }

// add logs a complaint, if there is room for one more. Kind is a constant.
func (c *complaints) add(level slog.Level, kind string, args ...any) {
	if !c.ration.Take(kind) {
		level = slog.LevelDebug
	}
	c.log.Log(context.Background(), level, kind, args...)
}

// end logs at once what is to be said of those that were not logged.
func (c *complaints) end() { c.ration.End() }
