package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

var day = time.Date(2026, 11, 20, 16, 0, 0, 0, time.UTC)

func entry(i int) Entry {
	return Entry{
		At: day.Add(time.Duration(i) * time.Second), ID: fmt.Sprint("c", i), From: "adminbot@example.net",
		Actor: []string{"alice@example.net", "bob@example.net"}[i%2], Method: "service.restart", Unit: []string{"nginx.service", "cron.service", "ssh.service"}[i%3],
		ArgsDigest: "d", Class: "D", Decision: Allow, Rule: "rule 1 (line 4)", TookMS: int64(i),
	}
}

func open(t *testing.T, o Options, path string) *Log {
	t.Helper()
	l, err := o.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func fill(t *testing.T, l *Log, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		if err := l.Append(t.Context(), entry(i)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestChain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	l := open(t, Options{}, path)
	fill(t, l, 0, 5)
	last := l.Last()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := l.Append(t.Context(), entry(5)); !errors.Is(err, ErrClosed) {
		t.Errorf("append after close: %v", err)
	}
	l = open(t, Options{}, path)
	fill(t, l, 5, 8)
	r, err := Verify(path)
	if err != nil || r.Entries != 8 || r.Files != 1 || r.Hash != l.Last() || !r.First.Equal(day) || !r.Last.Equal(day.Add(7*time.Second)) {
		t.Errorf("verify: %+v, %v", r, err)
	}
	got, found, err := l.Tail(Query{})
	if err != nil || found != 8 || len(got) != 8 {
		t.Fatalf("tail: %d of %d, %v", len(got), found, err)
	}
	if got[0].PrevHash != "" || got[5].PrevHash != last {
		t.Error("the chain has another order than the entries")
	}
	for i, e := range got {
		want := entry(i)
		want.PrevHash, want.Hash = e.PrevHash, e.Hash
		if e != want {
			t.Errorf("entry %d: got %+v", i, e)
		}
	}
	st, err := os.Stat(path)
	if err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", st.Mode(), err)
	}
}

func TestMembers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	fill(t, open(t, Options{}, path), 0, 1)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(data, &m); err != nil {
		t.Fatal(err)
	}
	for _, k := range strings.Split("at,id,from,actor,method,args_digest,class,decision,rule,code,took_ms,prev_hash,hash", ",") {
		if _, ok := m[k]; !ok {
			t.Errorf("no member %s in %s", k, data)
		}
	}
}

func TestSecondProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	open(t, Options{}, path)
	if _, err := Open(path); err == nil || !strings.Contains(err.Error(), path+" is in use") {
		t.Errorf("got %v", err)
	}
}

func TestTail(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	l := open(t, Options{SegmentBytes: 2000, Keep: 100}, path)
	fill(t, l, 0, 40)
	for _, tc := range []struct {
		q           Query
		first, last string
		n           int
	}{
		{Query{Limit: 3}, "c37", "c39", 3},
		{Query{Limit: 30}, "c10", "c39", 30},
		{Query{Limit: 5, Actor: "bob@example.net"}, "c31", "c39", 5},
		{Query{Limit: 4, Unit: "cron.service"}, "c28", "c37", 4},
		{Query{Since: day.Add(36 * time.Second)}, "c36", "c39", 4},
		{Query{Limit: 500}, "c0", "c39", 40},
	} {
		got, found, err := l.Tail(tc.q)
		if err != nil || len(got) != tc.n || found < tc.n || got[0].ID != tc.first || got[len(got)-1].ID != tc.last {
			t.Errorf("%+v: %d of %d entries, %v", tc.q, len(got), found, err)
		}
	}
}

func TestRotate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	o := Options{SegmentBytes: 3000, Keep: 3, Now: func() time.Time { return day }}
	l := open(t, o, path)
	fill(t, l, 0, 100)
	l.Close()
	r, err := Verify(path)
	if err != nil || r.Files != 4 {
		t.Fatalf("verify: %+v, %v", r, err)
	}
	l = open(t, o, path)
	fill(t, l, 100, 120)
	l.Close()
	if r, err = Verify(path); err != nil {
		t.Fatalf("after opening again: %+v, %v", r, err)
	}
	old, err := segments(path)
	if err != nil || len(old) != 3 {
		t.Fatalf("segments: %v, %v", old, err)
	}
	for _, s := range append(old, segment{path: path}) {
		st, err := os.Stat(s.path)
		if err != nil || st.Size() > 3000+MaxLine {
			t.Errorf("%s: %v, %v", s.path, st.Size(), err)
		}
	}
	// A segment taken away by hand is not attested.
	if err := os.Remove(old[0].path); err != nil {
		t.Fatal(err)
	}
	if _, err := Verify(path); err == nil || !strings.Contains(err.Error(), old[1].path+":1: the line continues a file that is not there") {
		t.Errorf("a missing segment: %v", err)
	}
	if err := os.Remove(old[2].path); err != nil {
		t.Fatal(err)
	}
	if _, err := o.Open(path); err == nil || !strings.Contains(err.Error(), path+":1: the line does not follow the file before") {
		t.Errorf("a missing segment at open: %v", err)
	}
}

// TestTorn cuts the file at every byte of the last line, as a crash may.
func TestTorn(t *testing.T) {
	dir := t.TempDir()
	whole := filepath.Join(dir, "whole.jsonl")
	l := open(t, Options{}, whole)
	fill(t, l, 0, 3)
	l.Close()
	data, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	start := bytes.LastIndexByte(data[:len(data)-1], '\n') + 1
	for cut := start; cut < len(data); cut += 37 {
		path := filepath.Join(dir, fmt.Sprint(cut), "audit.jsonl")
		if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		l, err := Open(path)
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		fill(t, l, 3, 4)
		got, _, err := l.Tail(Query{})
		l.Close()
		if err != nil {
			t.Fatal(err)
		}
		aside, err := filepath.Glob(path + ".torn-*")
		if err != nil {
			t.Fatal(err)
		}
		if cut == start {
			if len(got) != 3 || len(aside) != 0 {
				t.Errorf("a clean cut: %d entries, aside %v", len(got), aside)
			}
			continue
		}
		if len(got) != 4 || got[2].Decision != Recover || len(aside) != 1 || !strings.Contains(got[2].Text, filepath.Base(aside[0])) {
			t.Fatalf("cut at %d: %+v, aside %v", cut, got, aside)
		}
		kept, err := os.ReadFile(aside[0])
		if err != nil || !bytes.Equal(kept, data[start:cut]) {
			t.Errorf("cut at %d: kept %q, %v", cut, kept, err)
		}
		if _, err := Verify(path); err != nil {
			t.Error(err)
		}
	}
}

// TestDamage changes the file in every way that is not a torn end: the log is
// refused with file and line, and left as it is.
func TestDamage(t *testing.T) {
	dir := t.TempDir()
	whole := filepath.Join(dir, "whole.jsonl")
	l := open(t, Options{}, whole)
	fill(t, l, 0, 4)
	l.Close()
	data, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(data, []byte("\n"))
	for _, tc := range []struct {
		name string
		data []byte
		line int
		msg  string
	}{
		{"a changed byte", bytes.Replace(data, []byte(`"c1"`), []byte(`"c9"`), 1), 2, "does not have the hash"},
		{"a changed hash", append(bytes.Clone(data[:len(data)-4]), "x\"}\n"...), 4, "does not have the hash"},
		{"a line taken out", bytes.Join([][]byte{lines[0], lines[2], lines[3]}, nil), 2, "does not follow"},
		{"a line twice", bytes.Join([][]byte{lines[0], lines[1], lines[1], lines[2]}, nil), 3, "does not follow"},
		{"two lines swapped", bytes.Join([][]byte{lines[0], lines[2], lines[1], lines[3]}, nil), 2, "does not follow"},
		{"first line taken out", bytes.Join(lines[1:], nil), 1, "does not follow"},
		{"an empty line", bytes.Join([][]byte{lines[0], []byte("\n"), lines[1]}, nil), 2, "does not have the hash"},
		{"nothing but zeros and a newline", append(make([]byte, 500), '\n'), 1, "does not have the hash"},
		{"a line without end", append(bytes.Clone(data), bytes.Repeat([]byte("x"), 3*MaxLine)...), 5, "a line of more than"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "audit.jsonl")
			if err := os.WriteFile(path, tc.data, 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := Open(path)
			d, ok := errors.AsType[*Damage](err)
			if !ok || d.File != path || d.Line != tc.line || !strings.Contains(d.Msg, tc.msg) {
				t.Errorf("got %v", err)
			}
			if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, tc.data) {
				t.Errorf("the file was changed: %v", err)
			}
		})
	}
}

func TestParallel(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	l := open(t, Options{SegmentBytes: 20000}, path)
	var wg sync.WaitGroup
	for w := range 16 {
		wg.Go(func() {
			for i := range 20 {
				if err := l.Append(context.Background(), entry(w*100+i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if r, err := Verify(path); err != nil || r.Entries != 320 {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestNote: what is noted is in the log for whoever looks, in its place between
// what others append, and on disk when the log is closed.
func TestNote(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	l := open(t, Options{SegmentBytes: 20000}, path)
	for i := range 5 {
		if err := l.Note(t.Context(), entry(i)); err != nil {
			t.Fatal(err)
		}
		if got, _, err := l.Tail(Query{Limit: 1}); err != nil || len(got) != 1 || got[0].ID != entry(i).ID {
			t.Fatalf("after note %d the log ends with %+v, %v", i, got, err)
		}
	}
	var wg sync.WaitGroup
	for w := range 16 {
		wg.Go(func() {
			put := l.Append
			if w%2 == 0 {
				put = l.Note
			}
			for i := range 20 {
				if err := put(context.Background(), entry(w*100+i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if r, err := Verify(path); err != nil || r.Entries != 325 {
		t.Errorf("%+v, %v", r, err)
	}
	if err := l.Note(t.Context(), entry(1)); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

func TestNoteTellsOfAFailingDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	l := open(t, Options{}, path)
	readOnly, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	l.files.Lock()
	l.f.Close()
	l.f = readOnly
	l.files.Unlock()
	if err := l.Note(t.Context(), entry(1)); err != nil {
		t.Fatal(err)
	}
	l.settle()
	if err := l.Note(t.Context(), entry(2)); err == nil {
		t.Error("the entry before was lost, and nobody is told")
	}
}

func TestAppendRefuses(t *testing.T) {
	l := open(t, Options{}, filepath.Join(t.TempDir(), "audit.jsonl"))
	e := entry(1)
	e.Text = strings.Repeat("x", MaxLine)
	if err := l.Append(t.Context(), e); err == nil || !strings.Contains(err.Error(), "at most") {
		t.Errorf("a long line: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.Append(ctx, entry(1)); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled context: %v", err)
	}
	if _, found, err := l.Tail(Query{}); err != nil || found != 0 {
		t.Errorf("%d entries, %v", found, err)
	}
}

func FuzzScan(f *testing.F) {
	path := filepath.Join(f.TempDir(), "audit.jsonl")
	l, err := Open(path)
	if err != nil {
		f.Fatal(err)
	}
	for i := range 3 {
		if err := l.Append(context.Background(), entry(i)); err != nil {
			f.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		f.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add(data[:len(data)-9])
	f.Add([]byte(`{"at":"x","prev_hash":"","hash":""}` + "\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		name := filepath.Join(t.TempDir(), "a")
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
		start := ""
		sc, err := scan(name, &start, nil)
		if err != nil {
			if _, ok := errors.AsType[*Damage](err); !ok {
				t.Fatal(err)
			}
			return
		}
		if sc.size+int64(len(sc.torn)) != int64(len(data)) {
			t.Fatalf("%d whole and %d torn of %d bytes", sc.size, len(sc.torn), len(data))
		}
	})
}
