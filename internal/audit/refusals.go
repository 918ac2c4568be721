package audit

import (
	"context"
	"fmt"
	"strings"
	"time"

	"adminbot/internal/ration"
)

// What one caller who is refused may write: the numbered files of a log that is
// full of it still go back months.
const (
	refusalsEvery  = 10 * time.Minute
	refusalsEach   = 20
	refusedCallers = 256 // all others count as one
)

// Refusals are the refused calls in a log. Of each caller only so many are
// written in a while, and then one entry that says how many more there were:
// nobody who may do nothing pushes out what others did. Its methods may be called
// from any goroutine.
type Refusals struct {
	put    func(context.Context, Entry) error
	ration ration.Ration
}

// NewRefusals returns refusals that are written by put, which is [Log.Append] or
// calls it.
func NewRefusals(put func(context.Context, Entry) error) *Refusals {
	r := &Refusals{put: put}
	r.ration = ration.Ration{Each: refusalsEach, Every: refusalsEvery, Kinds: refusedCallers, More: r.more}
	return r
}

// Append is [Log.Append] for an entry about a call that was refused.
func (r *Refusals) Append(ctx context.Context, e Entry) error {
	from, _, _ := strings.Cut(e.From, "/")
	actor, _, _ := strings.Cut(e.Actor, "/")
	if !r.ration.Take(from + " " + actor) {
		return nil
	}
	return r.put(ctx, e)
}

// more says how many refusals were not written.
func (r *Refusals) more(caller string, n int, since time.Time) {
	from, actor, _ := strings.Cut(caller, " ")
	r.put(context.Background(), Entry{
		From: from, Actor: actor, Decision: Deny,
		Text: fmt.Sprintf("%d more refusals since %s were not written", n, since.UTC().Format(time.RFC3339)),
	})
}

// End writes what there is to say about refusals that were not written. Call it
// before the log is closed.
func (r *Refusals) End() { r.ration.End() }
