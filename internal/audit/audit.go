// Package audit keeps the record of every decision and every call: an
// append-only file of JSON lines, each of which carries the hash of the one
// before, so that no line can be changed, taken out or put in without the
// chain showing it.
//
// A program opens the file once with [Open], which refuses a damaged one, and
// calls [Log.Append] for every decision and call; when Append has returned,
// the line is on disk. [Log.Tail] reads the latest entries back, and [Verify]
// checks every line of every segment.
//
// What the chain cannot show is lines missing at the very end, or a whole log
// written anew by somebody who may write the file: that takes a copy of a hash
// kept elsewhere.
package audit

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"adminbot/internal/filelock"
)

// Decisions of an [Entry].
const (
	Allow   = "allow"   // let through; the call begins
	Deny    = "deny"    // refused: policy, expiry, arguments, limits
	Repeat  = "repeat"  // answered from memory: the call was made before
	Done    = "done"    // the call has ended, well or not: see Code
	Recover = "recover" // the log itself: a torn line was set aside
	Prune   = "prune"   // the log itself: the oldest segment was removed
)

// Entry is one line.
type Entry struct {
	At         time.Time `json:"at"`
	ID         string    `json:"id"`             // of the call; its lines share it
	From       string    `json:"from"`           // who called, as the server stamped it
	Actor      string    `json:"actor"`          // the person it was for
	To         string    `json:"to,omitempty"`   // the host, where one log serves several
	Text       string    `json:"text,omitempty"` // the sentence, or what happened to the log
	Method     string    `json:"method"`
	Unit       string    `json:"unit,omitempty"` // the service it was about
	ArgsDigest string    `json:"args_digest"`
	Class      string    `json:"class"`
	Decision   string    `json:"decision"`
	Rule       string    `json:"rule"`
	Code       int       `json:"code"` // the fault code, 0 when all went well
	TookMS     int64     `json:"took_ms"`
	PrevHash   string    `json:"prev_hash"` // set by Append
	Hash       string    `json:"hash"`      // set by Append
}

// Limits of a line and of what waits to be written.
const (
	MaxLine    = 16 << 10
	maxPending = 8192
)

// Sentinels of [Log.Append].
var (
	ErrClosed = errors.New("audit: log is closed")
	ErrFull   = errors.New("audit: too many entries wait to be written")
)

// Options are the bounds of a log. The zero value means the defaults.
type Options struct {
	SegmentBytes int64 // a file is closed and numbered at this size; default 8 MiB
	Keep         int   // numbered files kept; default 16
	Now          func() time.Time
}

// Log is an open audit log. Its methods may be called from any goroutine.
type Log struct {
	path string
	opt  Options
	lock *os.File

	mu       sync.Mutex // the fields below
	batch    *batch     // being filled, nil when nothing waits
	latest   *batch     // begun last, on disk or not; nil at first
	flushing bool
	failing  bool // the last batch did not get to disk
	closed   bool
	broken   error // sync failed: what is on disk is no longer known

	// Touched by the one goroutine that flushes. files is also held by
	// readers while they open the segments.
	files sync.Mutex
	f     *os.File
	size  int64
	last  string // hash of the last line
}

// batch is what one write and one sync take to disk together.
type batch struct {
	bodies  [][]byte
	waiters int           // how many wait for it
	lead    chan struct{} // given to one waiter, who writes the batch
	done    chan struct{} // closed when err is set
	err     error
}

// Open opens or creates the log with the default bounds. A file that is
// damaged is refused with an error that is a [*Damage]; nothing is written.
// A last line cut short by a crash was never acknowledged: it is kept in a
// file beside the log and the log says so in an entry of its own.
func Open(path string) (*Log, error) { return Options{}.Open(path) }

// Open is [Open] with other bounds.
func (o Options) Open(path string) (_ *Log, err error) {
	if o.SegmentBytes <= 0 {
		o.SegmentBytes = 8 << 20
	}
	if o.Keep <= 0 {
		o.Keep = 16
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	l := &Log{path: path, opt: o}
	if l.lock, err = filelock.Take(path + ".lock"); err != nil {
		if errors.Is(err, filelock.ErrHeld) {
			return nil, fmt.Errorf("audit: %s %w", path, err)
		}
		return nil, fmt.Errorf("audit: %w", err)
	}
	defer func() {
		if err != nil {
			l.lock.Close()
			if l.f != nil {
				l.f.Close()
			}
		}
	}()
	old, err := segments(path)
	if err != nil {
		return nil, err
	}
	if len(old) > 0 {
		if l.last, err = lastHash(old[len(old)-1].path); err != nil {
			return nil, err
		}
	}
	sc, err := scan(path, &l.last, nil)
	switch {
	case errors.Is(err, os.ErrNotExist):
	case err != nil:
		return nil, err
	default:
		l.last, l.size = sc.last, sc.size
	}
	if l.f, err = os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600); err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	if err := syncDir(path); err != nil {
		return nil, err
	}
	if len(sc.torn) > 0 {
		if err := l.recover(sc); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// recover sets a torn last line aside and continues behind the last whole one.
func (l *Log) recover(sc scanned) error {
	aside := fmt.Sprintf("%s.torn-%d", l.path, l.opt.Now().UnixNano())
	if err := writeSynced(aside, sc.torn); err != nil {
		return fmt.Errorf("audit: keeping the torn line: %w", err)
	}
	if err := l.f.Truncate(sc.size); err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	text := fmt.Sprintf("%d bytes of a line cut short were moved to %s", len(sc.torn), filepath.Base(aside))
	return l.Append(context.Background(), Entry{Decision: Recover, Method: "audit", Text: text})
}

// Append writes the entry and returns when it is on disk. Entries appended at
// the same time share a sync. The context is looked at before the entry is
// queued, not after: an entry is never half cancelled. After an error the
// entry is not in the log; an error of the disk being full passes when there
// is room again.
func (l *Log) Append(ctx context.Context, e Entry) error {
	b, err := l.queue(ctx, e, true)
	if err != nil {
		return err
	}
	select {
	case <-b.lead:
		l.flush(b)
	case <-b.done:
	}
	return b.err
}

// Note is like Append for what changes nothing: it returns when the entry has
// its place in the log, which is taken to disk right away. A crash in that
// moment, or a disk that fails, may lose it. After a failure Note waits like
// Append, and returns what is wrong, until an entry is on disk again.
func (l *Log) Note(ctx context.Context, e Entry) error {
	l.mu.Lock()
	failing := l.failing
	l.mu.Unlock()
	if failing {
		return l.Append(ctx, e)
	}
	b, err := l.queue(ctx, e, false)
	if err != nil {
		return err
	}
	select {
	case <-b.lead:
		go l.flush(b)
	default: // somebody writes, and will see to it
	}
	return nil
}

// queue puts the entry into the batch that is written next.
func (l *Log) queue(ctx context.Context, e Entry, wait bool) (*batch, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if e.At.IsZero() {
		e.At = l.opt.Now()
	}
	body, err := encode(e)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.refuse(); err != nil {
		return nil, err
	}
	if l.batch == nil {
		l.batch = &batch{lead: make(chan struct{}, 1), done: make(chan struct{})}
		l.latest = l.batch
	}
	b := l.batch
	b.bodies = append(b.bodies, body)
	if wait {
		b.waiters++
	}
	if !l.flushing {
		l.flushing = true
		b.lead <- struct{}{}
	}
	return b, nil
}

// settle waits until everything that was queued before is on disk.
func (l *Log) settle() {
	l.mu.Lock()
	b := l.latest
	l.mu.Unlock()
	if b != nil {
		<-b.done
	}
}

func (l *Log) refuse() error {
	switch {
	case l.closed:
		return ErrClosed
	case l.broken != nil:
		return l.broken
	case l.batch != nil && len(l.batch.bodies) >= maxPending:
		return ErrFull
	}
	return nil
}

// flush writes b and hands the lead to a waiter of the next batch, if one has
// gathered meanwhile; a batch that nobody waits for gets a goroutine.
func (l *Log) flush(b *batch) {
	l.mu.Lock()
	l.batch = nil // b is full now; who comes later starts the next one
	err := l.broken
	l.mu.Unlock()
	var fatal bool
	if err == nil {
		fatal, err = l.write(b.bodies)
	}
	b.err = err
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failing = err != nil
	if fatal {
		l.broken = err
	}
	close(b.done) // who sees it done sees the log failing too
	switch {
	case l.batch == nil:
		l.flushing = false
	case l.batch.waiters > 0:
		l.batch.lead <- struct{}{}
	default:
		go l.flush(l.batch)
	}
}

// write takes the entries to disk. fatal means that the state of the file is
// unknown afterwards.
func (l *Log) write(bodies [][]byte) (fatal bool, err error) {
	l.files.Lock()
	defer l.files.Unlock()
	if l.size >= l.opt.SegmentBytes {
		if fatal, err := l.rotate(); err != nil {
			return fatal, err
		}
	}
	return l.put(bodies)
}

func (l *Log) put(bodies [][]byte) (fatal bool, err error) {
	var buf bytes.Buffer
	last := l.last
	for _, body := range bodies {
		last = chain(&buf, body, last)
	}
	if _, err := l.f.Write(buf.Bytes()); err != nil {
		err = fmt.Errorf("audit: %w", err)
		if terr := l.f.Truncate(l.size); terr != nil {
			return true, errors.Join(err, terr)
		}
		return false, err
	}
	if err := l.f.Sync(); err != nil {
		return true, fmt.Errorf("audit: %w", err)
	}
	l.size += int64(buf.Len())
	l.last = last
	return false, nil
}

// rotate numbers the current file, begins a new one and removes what is over
// the limit, which the new file says first.
func (l *Log) rotate() (fatal bool, err error) {
	old, err := segments(l.path)
	if err != nil {
		return false, err
	}
	next := 1
	if len(old) > 0 {
		next = old[len(old)-1].number + 1
	}
	name := segmentName(l.path, next)
	if err := os.Rename(l.path, name); err != nil {
		return false, fmt.Errorf("audit: %w", err)
	}
	f, err := os.OpenFile(l.path, os.O_CREATE|os.O_EXCL|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		// The old file goes on under its old name.
		return false, errors.Join(fmt.Errorf("audit: %w", err), os.Rename(name, l.path))
	}
	l.f.Close()
	l.f, l.size = f, 0
	if err := syncDir(l.path); err != nil {
		return false, err
	}
	for n := len(old) + 1 - l.opt.Keep; n > 0; n-- {
		if fatal, err := l.prune(old[0]); err != nil {
			return fatal, err
		}
		old = old[1:]
	}
	return false, nil
}

// prune removes a numbered file after an entry that says with which hash it
// ended is on disk.
func (l *Log) prune(gone segment) (fatal bool, err error) {
	hash, err := lastHash(gone.path)
	if err != nil {
		return false, err
	}
	body, err := encode(Entry{
		At: l.opt.Now(), Decision: Prune, Method: "audit", ArgsDigest: hash,
		Text: filepath.Base(gone.path) + " was removed; it ended with the hash in args_digest",
	})
	if err != nil {
		return false, err
	}
	if fatal, err := l.put([][]byte{body}); err != nil {
		return fatal, err
	}
	if err := os.Remove(gone.path); err != nil {
		return false, fmt.Errorf("audit: %w", err)
	}
	return false, nil
}

// Last is the hash of the last line on disk: what to copy elsewhere.
func (l *Log) Last() string {
	l.files.Lock()
	defer l.files.Unlock()
	return l.last
}

// Close waits for what is being written and closes the file.
func (l *Log) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil
	}
	l.closed = true
	l.mu.Unlock()
	l.settle()
	l.files.Lock()
	defer l.files.Unlock()
	return errors.Join(l.f.Close(), l.lock.Close())
}

// encode makes the part of a line that does not depend on its place in the
// chain.
func encode(e Entry) ([]byte, error) {
	e.At = e.At.UTC().Round(0)
	e.PrevHash, e.Hash = "", ""
	line, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	body := bytes.TrimSuffix(line, []byte(`,"prev_hash":"","hash":""}`))
	if len(body)+hashAt+prevAt > MaxLine {
		return nil, fmt.Errorf("audit: an entry of %d bytes, at most %d fit in a line", len(body), MaxLine-hashAt-prevAt)
	}
	return body, nil
}

// chain writes the line of body behind the line with the hash prev, and
// returns its hash, which is over the line's own bytes up to the hash member.
func chain(buf *bytes.Buffer, body []byte, prev string) string {
	start := buf.Len()
	buf.Write(body)
	buf.WriteString(`,"prev_hash":"` + prev + `"`)
	sum := sha256.Sum256(buf.Bytes()[start:])
	hash := hex.EncodeToString(sum[:])
	buf.WriteString(`,"hash":"` + hash + "\"}\n")
	return hash
}
