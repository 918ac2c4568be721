package hostagent

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"os"
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

// journal remembers the calls that change the host: "begun" is on disk before
// the work starts, the answer when it has ended. It keeps them a day, at most
// so many, of one caller two thirds of that, and refuses new ones rather than forget a
// young one. It may be used
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
	if r.Call.Key != "" && !j.share(r.Call.Caller) {
		j.drop(j.over)
		if !j.share(r.Call.Caller) {
			return fmt.Errorf("%w: what %s had done in the last %v leaves room for others only", errJournalFull, r.Call.Caller, journalKeep)
		}
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

// share reports whether a caller may have one more call that is kept for a day:
// not when it has twice as many as there is room for, so that no caller can fill
// the journal for all.
func (j *journal) share(caller string) bool {
	own, kept := 0, 0
	for _, r := range j.order {
		if r.Call.Key == "" {
			continue
		}
		kept++
		if r.Call.Caller == caller {
			own++
		}
	}
	return own < 2*(j.max-kept)
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
