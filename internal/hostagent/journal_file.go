package hostagent

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"time"

	"adminbot/rpc"
)

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
