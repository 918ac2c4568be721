package audit

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Query narrows [Log.Tail].
type Query struct {
	Since time.Time // entries from then on; zero for all
	Actor string    // only of this person; empty for all
	Unit  string    // only about this service; empty for all
	Limit int       // at most so many, the latest; default 50
}

// Tail returns the latest entries that fit, oldest first, and how many fit in
// the files it had to read.
func (l *Log) Tail(q Query) (entries []Entry, found int, err error) {
	if q.Limit <= 0 {
		q.Limit = 50
	}
	l.settle()
	l.files.Lock()
	old, err := segments(l.path)
	l.files.Unlock()
	if err != nil {
		return nil, 0, err
	}
	names := []string{l.path}
	for i := len(old) - 1; i >= 0; i-- {
		names = append(names, old[i].path)
	}
	for _, name := range names {
		part, err := match(name, q)
		if errors.Is(err, os.ErrNotExist) {
			continue // removed by a rotation meanwhile
		}
		if err != nil {
			return nil, 0, err
		}
		found += len(part)
		entries = append(part, entries...)
		if len(entries) >= q.Limit {
			break
		}
	}
	if cut := len(entries) - q.Limit; cut > 0 {
		entries = entries[cut:]
	}
	return entries, found, nil
}

func match(name string, q Query) ([]Entry, error) {
	var out []Entry
	_, err := scan(name, nil, func(n int, line []byte) error {
		var e Entry
		if err := json.Unmarshal(line, &e); err != nil {
			return &Damage{name, n, err.Error()}
		}
		if (q.Actor == "" || e.Actor == q.Actor) && (q.Unit == "" || e.Unit == q.Unit) && !e.At.Before(q.Since) {
			out = append(out, e)
		}
		return nil
	})
	return out, err
}

// Report is what [Verify] counted.
type Report struct {
	Files, Entries int
	First, Last    time.Time // of the entries
	Hash           string    // of the last line
	Torn           int       // bytes behind the last whole line
}

// Verify checks every line of the log and of its numbered segments. It takes
// no lock and changes nothing; on a log in use, bytes of a line being written
// show as Torn. The error is a [*Damage] for the first line that is wrong.
func Verify(path string) (Report, error) {
	var r Report
	old, err := segments(path)
	if err != nil {
		return r, err
	}
	names := make([]string, 0, len(old)+1)
	for _, s := range old {
		names = append(names, s.path)
	}
	if _, err := os.Stat(path); err == nil {
		names = append(names, path)
	} else if len(names) == 0 {
		return r, fmt.Errorf("audit: %w", err)
	}
	start, pruned := "", make(map[string]bool)
	for i, name := range names {
		var prev *string
		if i > 0 {
			prev = &r.Hash
		}
		sc, err := scan(name, prev, func(n int, line []byte) error {
			var e Entry
			if err := json.Unmarshal(line, &e); err != nil {
				return &Damage{name, n, err.Error()}
			}
			if r.First.IsZero() {
				r.First = e.At
			}
			r.Last = e.At
			r.Entries++
			if e.Decision == Prune {
				pruned[e.ArgsDigest] = true
			}
			return nil
		})
		if err != nil {
			return r, err
		}
		if i == 0 {
			start = sc.first
		}
		if len(sc.torn) > 0 && i < len(names)-1 {
			return r, &Damage{name, sc.lines + 1, "a finished file ends in the middle of a line"}
		}
		r.Files++
		r.Hash, r.Torn = sc.last, len(sc.torn)
	}
	if start != "" && !pruned[start] {
		return r, &Damage{names[0], 1, "the line continues a file that is not there, and no entry says it was removed (" + filepath.Base(path) + ")"}
	}
	return r, nil
}
