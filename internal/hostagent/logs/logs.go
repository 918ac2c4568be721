// Package logs answers log.query from the journal, where journald keeps one, and
// from log files. It looks backwards from the newest line, stops as soon as it
// has what was asked, cleans every line to what XML 1.0 can carry and cuts out
// what looks like a secret.
//
// A unit without a journal has the files that carry its name ([Reader.Files])
// and its lines in syslog. Which units and paths a caller may read is policy, and
// decided before; here only paths below the roots given to [New] can be opened.
package logs

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"adminbot/agentapi"
	"adminbot/internal/hostagent/redact"
	"adminbot/rpc"
)

const (
	maxScan     = 200_000  // lines that one query looks at
	maxRead     = 64 << 20 // bytes of files that one query reads
	maxText     = 2048     // bytes of one line in an answer
	maxLineRead = 64 << 10 // bytes of one line that are looked at
	defaultRows = 100
)

// Config is where logs are.
type Config struct {
	Root       string   // of the file system; "" for the real one
	Roots      []string // directories whose files may be read; default /var/log
	Journalctl string   // default: found in /usr/bin or /bin; "-" for none
	Zone       *time.Location
	Now        func() time.Time // default time.Now
}

// Reader answers queries. It is safe for concurrent use.
type Reader struct {
	cfg Config
}

// New makes a reader. It touches no file.
func New(cfg Config) *Reader {
	if len(cfg.Roots) == 0 {
		cfg.Roots = []string{"/var/log"}
	}
	if cfg.Zone == nil {
		cfg.Zone = time.Local
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Reader{cfg: cfg}
}

// entry is one line before it is judged.
type entry struct {
	at       time.Time // zero where the line does not say
	unit     string
	priority int // syslog's 0 to 7; -1 where the line does not say
	text     string
	cursor   string
}

// source yields entries, newest first, until yield says no.
type source func(ctx context.Context, yield func(entry) bool) error

// fileCursor is what cursors of files look like: stream, file, offset.
var fileCursor = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^\d+:\d+:\d+$`) })

// cursorShape is what journald's cursors and those of files look like.
var cursorShape = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9;=_:-]{0,512}$`) })

var priorities = []string{"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"}

// Query answers log.query.
func (r *Reader) Query(ctx context.Context, args agentapi.LogQueryArgs) (agentapi.LogQueryResult, error) {
	var res agentapi.LogQueryResult
	src, from, err := r.source(args)
	if err != nil {
		return res, err
	}
	q, err := run(ctx, args, src)
	if err != nil {
		return res, err
	}
	// Many daemons write their own files and leave the journal only a line when
	// they start. Where it has nothing that was asked for, their files may.
	if files := r.own(args); from == "journal" && len(q.kept) == 0 && len(files) > 0 {
		if q, err = run(ctx, args, r.files(files, agentapi.UnitName(args.Unit))); err != nil {
			return res, err
		}
		from = strings.Join(files, ", ")
	}
	res.Source, res.Lines = from, q.lines()
	res.Scanned, res.MatchedTotal = int32(q.scanned), int32(q.matched)
	res.Total, res.Truncated = res.MatchedTotal, q.cut
	if q.cut && len(res.Lines) > 0 {
		res.Next = res.Lines[0].Cursor
	}
	return res, nil
}

// run puts what src yields through a new query.
func run(ctx context.Context, args agentapi.LogQueryArgs, src source) (*query, error) {
	q, err := newQuery(args)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := src(ctx, q.take); err != nil && !q.done {
		return nil, err
	}
	if !q.passed {
		return nil, &rpc.Fault{Code: rpc.FaultNotFound, Message: "the log has moved on since that cursor was given; ask again without it"}
	}
	return q, nil
}

// own lists a unit's own files when it is left open where to look.
func (r *Reader) own(args agentapi.LogQueryArgs) []string {
	if args.Unit == "" || args.Source != "" || args.Cursor != "" {
		return nil
	}
	return slices.DeleteFunc(r.Files(agentapi.UnitName(args.Unit)), func(f string) bool { return slices.Contains(syslogs[:], f) })
}

// source chooses where to look, and names it.
func (r *Reader) source(args agentapi.LogQueryArgs) (source, string, error) {
	unit := agentapi.UnitName(args.Unit)
	journal := r.journal()
	switch {
	case args.Path != "":
		if args.Source == "journal" {
			return nil, "", &rpc.Fault{Code: rpc.FaultParams, Message: "path: the journal has no paths; leave source out"}
		}
		return r.files([]string{args.Path}, ""), args.Path, nil
	case args.Source == "journal" && journal == "":
		return nil, "", &rpc.Fault{Code: rpc.FaultUnsupported, Message: "this host keeps no journal; leave source out to read log files"}
	case args.Source != "file" && journal != "" && !fileCursor().MatchString(args.Cursor):
		return r.journalSource(journal, unit, args), "journal", nil
	}
	files := r.Files(unit)
	if len(files) == 0 {
		if unit == "" {
			return nil, "", &rpc.Fault{Code: rpc.FaultUnsupported, Message: "this host keeps no journal and no syslog; name a path or a unit"}
		}
		return nil, "", &rpc.Fault{Code: rpc.FaultNotFound, Message: fmt.Sprintf("no log of %s here: no journal, and no file in %s bears its name", unit, strings.Join(r.cfg.Roots, ", "))}
	}
	return r.files(files, unit), strings.Join(files, ", "), nil
}

// query judges entries as they come, newest first, and keeps what is asked.
type query struct {
	limit         int
	before, after int
	since, until  time.Time
	priority      int
	match         *regexp.Regexp
	cursor        string

	kept    []agentapi.LogLine // newest first
	recent  []entry            // the latest that did not match: context behind the next match
	pending int                // how many more go in as context before the last match
	scanned int
	matched int
	cut     bool // more would match
	done    bool
	passed  bool // the cursor has been seen
}

func newQuery(args agentapi.LogQueryArgs) (*query, error) {
	q := &query{
		limit: int(args.Limit), before: int(args.Before), after: int(args.After),
		since: args.Since, until: args.Until, priority: -1, cursor: args.Cursor,
	}
	if q.limit <= 0 {
		q.limit = defaultRows
	}
	if !q.since.IsZero() && !q.until.IsZero() && !q.until.After(q.since) {
		return nil, &rpc.Fault{Code: rpc.FaultParams, Message: "until must be later than since"}
	}
	if args.Priority != "" {
		q.priority = slices.Index(priorities, args.Priority)
		if q.priority < 0 {
			return nil, &rpc.Fault{Code: rpc.FaultParams, Message: "priority: want one of " + strings.Join(priorities, ", ")}
		}
	}
	if args.Match != "" {
		var err error
		if q.match, err = regexp.Compile(args.Match); err != nil {
			return nil, &rpc.Fault{Code: rpc.FaultParams, Message: "match: " + err.Error()}
		}
	}
	if !cursorShape().MatchString(q.cursor) {
		return nil, &rpc.Fault{Code: rpc.FaultParams, Message: "cursor: want one that an earlier answer gave"}
	}
	q.passed = q.cursor == ""
	return q, nil
}

// take is the yield of a source.
func (q *query) take(e entry) bool {
	if !q.passed { // on from an earlier answer: what is newer was shown
		q.passed = e.cursor == q.cursor
		return true
	}
	if q.scanned++; q.scanned > maxScan {
		q.cut, q.done = true, true
		return false
	}
	if !e.at.IsZero() {
		if !q.until.IsZero() && e.at.After(q.until) {
			return true
		}
		if !q.since.IsZero() && e.at.Before(q.since) {
			q.done = true
			return false // all that follow are older
		}
	}
	if !q.fits(e) {
		if q.pending > 0 {
			q.pending--
			q.keep(e, true)
		} else if q.after > 0 {
			q.recent = append(q.recent, e)
			if len(q.recent) > q.after {
				q.recent = q.recent[1:]
			}
		}
		return true
	}
	if q.matched == q.limit {
		q.cut, q.done = true, true
		return false
	}
	q.matched++
	for _, c := range q.recent {
		q.keep(c, true)
	}
	q.recent = q.recent[:0]
	q.keep(e, false)
	q.pending = q.before
	return true
}

func (q *query) fits(e entry) bool {
	if q.priority >= 0 && (e.priority < 0 || e.priority > q.priority) {
		return false
	}
	// Matched is what will be shown: a pattern must not find out, letter by
	// letter, what was cut.
	return q.match == nil || q.match.MatchString(shown(e.text))
}

func shown(text string) string { return redact.Line(redact.Clean(text, maxText)) }

func (q *query) keep(e entry, context bool) {
	l := agentapi.LogLine{
		At: e.at.UTC(), Unit: redact.Clean(e.unit, 256), Text: shown(e.text), Cursor: e.cursor, Context: context,
	}
	if e.at.IsZero() {
		l.At = time.Time{}
	}
	if e.priority >= 0 && e.priority < len(priorities) {
		l.Priority = priorities[e.priority]
	}
	q.kept = append(q.kept, l)
}

// lines returns what was kept, oldest first.
func (q *query) lines() []agentapi.LogLine {
	slices.Reverse(q.kept)
	return q.kept
}

// errStop ends a source that yield has told to.
var errStop = errors.New("logs: enough")
