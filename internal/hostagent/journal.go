package hostagent

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"adminbot/rpc"
)

// Bounds of the journal.
const (
	journalKeep    = 24 * time.Hour
	journalRecords = 4096
	journalBytes   = 64 << 20 // of the file, after it was compacted
	maxJournalLine = 512 << 10
)

// Errors of the journal that a call is refused with.
var (
	errJournalFull = errors.New("the journal of calls is full")
	errInFlight    = errors.New("a call with this key is running")
)

// state is how far a recorded call has come.
type state string

const (
	stateWaiting     state = "waiting"     // for its lane; not on disk
	stateRunning     state = "running"     // begun: on disk
	stateDone        state = "done"        // answered with a value
	stateFailed      state = "failed"      // answered with a fault
	stateInterrupted state = "interrupted" // begun, and the agent died
)

// callKey is what an idempotency key belongs to.
type callKey struct {
	Caller, Key, Digest string
}

// record is one call that changes the host.
type record struct {
	ID      string
	Call    callKey
	Method  string
	Actor   string
	State   state
	Started time.Time
	Ended   time.Time
	Fault   *rpc.Fault

	// Where the end line with the answer lies in the file; 0 length when
	// there is none.
	off int64
	n   int
}

// line is one record of the file: that a call has begun, or how it ended.
type line struct {
	Op     string    `json:"op"` // journal, start, end
	ID     string    `json:"id,omitempty"`
	At     time.Time `json:"at,omitzero"`
	Caller string    `json:"caller,omitempty"`
	Key    string    `json:"key,omitempty"`
	Digest string    `json:"digest,omitempty"`
	Method string    `json:"method,omitempty"`
	Actor  string    `json:"actor,omitempty"`
	Code   int       `json:"code,omitempty"`
	Text   string    `json:"text,omitempty"`
	Value  string    `json:"value,omitempty"` // the answer as XML-RPC has it
}

// journal remembers the calls that change the host: "begun" is on disk before
// the work starts, the answer when it has ended. It keeps them a day, at most
// so many, and refuses new ones rather than forget a young one. It may be used
// from any goroutine.
//
// The file is lines of a CRC and a JSON object. It grows at its end and is
// written anew without what is over when it is opened and when it has doubled.
type journal struct {
	path string
	now  func() time.Time
	max  int   // records
	size int64 // bytes the file may have after compaction

	mu      sync.Mutex
	f       *os.File
	end     int64 // length of the file
	least   int64 // and what it was when last compacted
	byID    map[string]*record
	byKey   map[callKey]*record
	order   []*record // by Started
	broken  error
	closing bool
}

// damage is a journal that cannot be what was written.
type damage struct {
	file string
	line int
	msg  string
}

func (d *damage) Error() string {
	return fmt.Sprintf("hostagent: %s:%d: %s\nhint: nothing was changed; move the file away to begin without the memory of earlier calls", d.file, d.line, d.msg)
}

// openJournal reads the file, or creates it. A last line without its end is
// the trace of a crash and is dropped: whatever it was to record had not been
// promised to anybody. Anything else that does not fit is a damage.
func openJournal(path string, now func() time.Time) (_ *journal, err error) {
	j := &journal{
		path: path, now: now, max: journalRecords, size: journalBytes,
		byID: make(map[string]*record), byKey: make(map[callKey]*record),
	}
	if j.f, err = os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		return nil, fmt.Errorf("hostagent: %w", err)
	}
	defer func() {
		if err != nil {
			j.f.Close()
		}
	}()
	if err := j.read(); err != nil {
		return nil, err
	}
	for _, r := range j.order {
		if r.State == stateRunning {
			r.State = stateInterrupted
		}
	}
	if err := j.compact(); err != nil {
		return nil, err
	}
	return j, nil
}

// read fills the index from the file.
func (j *journal) read() error {
	data, err := io.ReadAll(j.f)
	if err != nil {
		return fmt.Errorf("hostagent: %w", err)
	}
	for n := 1; len(data) > 0; n++ {
		i := bytes.IndexByte(data, '\n')
		if i < 0 {
			if len(data) > maxJournalLine {
				return &damage{j.path, n, "a line that does not end"}
			}
			return nil // torn; compact leaves it out
		}
		l, msg := parseLine(data[:i])
		if msg == "" {
			msg = j.apply(l, n, j.end, i+1)
		}
		if msg != "" {
			return &damage{j.path, n, msg}
		}
		data = data[i+1:]
		j.end += int64(i + 1)
	}
	return nil
}

// apply takes one line into the index. msg says why it cannot stand there.
func (j *journal) apply(l line, n int, off int64, length int) (msg string) {
	switch {
	case n == 1:
		if l.Op != "journal" || l.Code != 1 {
			return "this is not a journal of calls that this version knows"
		}
	case l.Op == "start":
		if l.ID == "" || j.byID[l.ID] != nil {
			return "a call begins twice"
		}
		j.add(&record{ID: l.ID, Call: callKey{l.Caller, l.Key, l.Digest}, Method: l.Method, Actor: l.Actor, State: stateRunning, Started: l.At})
	case l.Op == "end":
		r := j.byID[l.ID]
		if r == nil || r.State != stateRunning {
			return "a call ends that has not begun"
		}
		r.finish(l, off, length)
	default:
		return fmt.Sprintf("no record %q", l.Op)
	}
	return ""
}

func (r *record) finish(l line, off int64, length int) {
	r.Ended, r.State = l.At, stateDone
	if l.Code != 0 {
		r.State, r.Fault = stateFailed, &rpc.Fault{Code: l.Code, Message: l.Text}
	}
	r.off, r.n = off, length
}

// add indexes a record. The latest of a key counts.
func (j *journal) add(r *record) {
	j.byID[r.ID] = r
	if r.Call.Key != "" {
		j.byKey[r.Call] = r
	}
	j.order = append(j.order, r)
}

// find returns a copy of what is known about a key.
func (j *journal) find(k callKey) (record, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	r := j.byKey[k]
	if k.Key == "" || r == nil || j.over(r) {
		return record{}, false
	}
	return *r, true
}

// over reports whether a record need not be kept any longer.
func (j *journal) over(r *record) bool {
	if r.State == stateRunning || r.State == stateWaiting {
		return false
	}
	last := r.Ended
	if last.IsZero() {
		last = r.Started
	}
	return j.now().Sub(last) > journalKeep
}

// reserve takes the key of a call that will wait for its lane, so that a
// repeat meanwhile is recognised. It is in memory only. release or start must
// follow.
func (j *journal) reserve(r record) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if r.Call.Key != "" {
		if old := j.byKey[r.Call]; old != nil && !j.over(old) {
			return errInFlight
		}
	}
	if len(j.order) >= j.max {
		j.forget()
	}
	if len(j.order) >= j.max {
		return fmt.Errorf("%w: it holds %d of the last %v", errJournalFull, len(j.order), journalKeep)
	}
	r.State = stateWaiting
	j.add(&r)
	return nil
}

// release takes a reservation back: the call did not begin.
func (j *journal) release(id string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if r := j.byID[id]; r != nil && r.State == stateWaiting {
		j.drop(func(o *record) bool { return o == r })
	}
}

// start records on disk that the reserved call begins.
func (j *journal) start(id string) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	r := j.byID[id]
	if r == nil {
		return errors.New("hostagent: a call begins that was not announced")
	}
	at := j.now().UTC()
	if j.end > j.size || j.end > 2*j.least && j.end > 1<<20 {
		if err := j.compact(); err != nil {
			return err
		}
	}
	if j.end > j.size {
		return fmt.Errorf("%w: it has %d bytes", errJournalFull, j.end)
	}
	_, _, err := j.append(line{
		Op: "start", ID: id, At: at, Caller: r.Call.Caller, Key: r.Call.Key, Digest: r.Call.Digest, Method: r.Method, Actor: r.Actor,
	})
	if err != nil {
		return err
	}
	r.State, r.Started = stateRunning, at
	return nil
}

// done records how the call ended. What it remembers holds for this process
// even when the disk does not take it.
func (j *journal) done(id string, v rpc.Value, fault *rpc.Fault) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	r := j.byID[id]
	if r == nil || r.State != stateRunning {
		return errors.New("hostagent: a call ends that has not begun")
	}
	l := line{Op: "end", ID: id, At: j.now().UTC()}
	if fault != nil {
		l.Code, l.Text = fault.Code, fault.Message
	} else {
		l.Value = string(v.AppendXML(nil))
	}
	off, n, err := j.append(l)
	r.finish(l, off, n)
	return err
}

// answer returns what a finished call was answered with.
func (j *journal) answer(id string) (rpc.Value, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	r := j.byID[id]
	switch {
	case r == nil:
		return rpc.Value{}, os.ErrNotExist
	case r.Fault != nil:
		return rpc.Value{}, r.Fault
	case r.n == 0:
		return rpc.Value{}, fmt.Errorf("hostagent: %s: the answer to %s was not written", j.path, id)
	}
	buf := make([]byte, r.n)
	if _, err := j.f.ReadAt(buf, r.off); err != nil {
		return rpc.Value{}, fmt.Errorf("hostagent: %s: %w", j.path, err)
	}
	l, msg := parseLine(buf[:len(buf)-1])
	if msg != "" || l.ID != id {
		return rpc.Value{}, fmt.Errorf("hostagent: %s: the answer to %s cannot be read: %s", j.path, id, msg)
	}
	return rpc.ReadValue(xml.NewDecoder(bytes.NewReader([]byte(l.Value))), rpc.Limits{Bytes: maxJournalLine, Values: 50000})
}

// list returns copies of all records, newest first.
func (j *journal) list() []record {
	j.mu.Lock()
	defer j.mu.Unlock()
	out := make([]record, 0, len(j.order))
	for _, r := range slices.Backward(j.order) {
		out = append(out, *r)
	}
	return out
}

// get finds one record by its id, or the latest with a key of that caller.
func (j *journal) get(id, caller, key string) (record, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if id != "" {
		r := j.byID[id]
		if r == nil {
			return record{}, false
		}
		return *r, true
	}
	for _, r := range slices.Backward(j.order) {
		if key != "" && r.Call.Key == key && (caller == "" || r.Call.Caller == caller) {
			return *r, true
		}
	}
	return record{}, false
}

// append writes one line and syncs it. The caller holds the lock.
func (j *journal) append(l line) (off int64, n int, err error) {
	if j.broken != nil {
		return 0, 0, j.broken
	}
	if j.closing {
		return 0, 0, os.ErrClosed
	}
	b, err := formatLine(l)
	if err != nil {
		return 0, 0, err
	}
	off = j.end
	if _, err := j.f.WriteAt(b, off); err != nil {
		err = fmt.Errorf("hostagent: %w", err)
		if terr := j.f.Truncate(off); terr != nil {
			j.broken = errors.Join(err, terr)
		}
		return 0, 0, err
	}
	if err := j.f.Sync(); err != nil {
		// What is on disk now is unknown, and would stay so.
		j.broken = fmt.Errorf("hostagent: %w", err)
		return 0, 0, j.broken
	}
	j.end += int64(len(b))
	return off, len(b), nil
}

// forget drops what is over, and if that is not enough the oldest finished
// calls that carry no key: nobody can repeat them.
func (j *journal) forget() {
	j.drop(j.over)
	if len(j.order) < j.max {
		return
	}
	half := j.max / 2
	j.drop(func(r *record) bool {
		if half > 0 && r.Call.Key == "" && r.State != stateRunning && r.State != stateWaiting {
			half--
			return true
		}
		return false
	})
}

func (j *journal) drop(gone func(*record) bool) {
	j.order = slices.DeleteFunc(j.order, func(r *record) bool {
		if !gone(r) {
			return false
		}
		delete(j.byID, r.ID)
		if j.byKey[r.Call] == r {
			delete(j.byKey, r.Call)
		}
		return true
	})
}

// compact writes the file anew with the records that are kept. The caller
// holds the lock, or is the only one.
func (j *journal) compact() error {
	j.drop(j.over)
	tmp, err := os.CreateTemp(filepath.Dir(j.path), filepath.Base(j.path)+".new-")
	if err != nil {
		return fmt.Errorf("hostagent: %w", err)
	}
	keep, err := j.copyTo(tmp)
	if err == nil {
		err = errors.Join(tmp.Chmod(0o600), tmp.Sync())
	}
	if err == nil {
		err = os.Rename(tmp.Name(), j.path)
	}
	if err != nil {
		return fmt.Errorf("hostagent: %s: %w", j.path, errors.Join(err, tmp.Close(), os.Remove(tmp.Name())))
	}
	j.f.Close()
	j.f, j.end, j.least = tmp, keep.end, keep.end
	for id, at := range keep.at {
		j.byID[id].off, j.byID[id].n = at.off, at.n
	}
	d, err := os.Open(filepath.Dir(j.path))
	if err != nil {
		return fmt.Errorf("hostagent: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("hostagent: %w", err)
	}
	return nil
}

type place struct {
	off int64
	n   int
}

type copied struct {
	end int64
	at  map[string]place // where the answers lie in the new file
}

func (j *journal) copyTo(w io.Writer) (copied, error) {
	c := copied{at: make(map[string]place)}
	put := func(b []byte) error {
		n, err := w.Write(b)
		c.end += int64(n)
		return err
	}
	head, err := formatLine(line{Op: "journal", Code: 1})
	if err != nil {
		return c, err
	}
	if err := put(head); err != nil {
		return c, err
	}
	for _, r := range j.order {
		if r.State == stateWaiting {
			continue
		}
		b, err := formatLine(line{
			Op: "start", ID: r.ID, At: r.Started, Caller: r.Call.Caller, Key: r.Call.Key, Digest: r.Call.Digest, Method: r.Method, Actor: r.Actor,
		})
		if err != nil {
			return c, err
		}
		if err := put(b); err != nil {
			return c, err
		}
		if r.n == 0 {
			continue
		}
		b = make([]byte, r.n)
		if _, err := j.f.ReadAt(b, r.off); err != nil {
			return c, err
		}
		c.at[r.ID] = place{c.end, r.n}
		if err := put(b); err != nil {
			return c, err
		}
	}
	return c, nil
}

func (j *journal) close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closing {
		return nil
	}
	j.closing = true
	return j.f.Close()
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// formatLine is the CRC of the JSON, a space, the JSON and a newline.
func formatLine(l line) ([]byte, error) {
	b, err := json.Marshal(l)
	if err != nil {
		return nil, fmt.Errorf("hostagent: %w", err)
	}
	if len(b)+10 > maxJournalLine {
		return nil, fmt.Errorf("hostagent: a record of %d bytes", len(b))
	}
	return fmt.Appendf(nil, "%08x %s\n", crc32.Checksum(b, castagnoli), b), nil
}

// parseLine reads a line without its newline; msg says what is wrong with it.
func parseLine(b []byte) (l line, msg string) {
	if len(b) < 10 || b[8] != ' ' {
		return l, "this is no record"
	}
	if string(b[:8]) != fmt.Sprintf("%08x", crc32.Checksum(b[9:], castagnoli)) {
		return l, "the record does not have the checksum it carries"
	}
	d := json.NewDecoder(bytes.NewReader(b[9:]))
	d.DisallowUnknownFields()
	if err := d.Decode(&l); err != nil {
		return l, err.Error()
	}
	return l, ""
}
