package hostagent

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"adminbot/rpc"
)

// fixed is a clock that stands still until it is set.
type fixed struct{ at time.Time }

func (f *fixed) now() time.Time { return f.at }

func testJournal(t *testing.T, path string, now func() time.Time) *journal {
	t.Helper()
	j, err := openJournal(path, now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.close() })
	return j
}

// took records a call from beginning to end.
func took(t *testing.T, j *journal, id, key string, v rpc.Value, fault *rpc.Fault) {
	t.Helper()
	if err := j.reserve(record{ID: id, Call: callKey{"bot@x", key, "d"}, Method: "service.restart", Actor: "alice@x", Started: j.now()}); err != nil {
		t.Fatal(err)
	}
	if err := j.start(id); err != nil {
		t.Fatal(err)
	}
	if err := j.done(id, v, fault); err != nil {
		t.Fatal(err)
	}
}

func TestJournalAnswers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	clock := &fixed{time.Date(2026, 11, 20, 16, 0, 0, 0, time.UTC)}
	j := testJournal(t, path, clock.now)
	values := map[string]rpc.Value{
		"a": rpc.Struct(map[string]rpc.Value{"text": rpc.String("ü <&>\n\t\r"), "n": rpc.Int(-1), "d": rpc.Double(1 << 52), "t": rpc.DateTime(clock.at), "b": rpc.Base64([]byte{0, 1, 2})}),
		"b": rpc.Array(), "c": rpc.String(""), "e": rpc.Struct(nil),
	}
	for id, v := range values {
		took(t, j, id, "key-"+id, v, nil)
	}
	took(t, j, "f", "key-f", rpc.Value{}, rpc.Faultf(404, "no such unit"))
	check := func(when string, j *journal) {
		t.Helper()
		for id, want := range values {
			r, ok := j.find(callKey{"bot@x", "key-" + id, "d"})
			if !ok || r.State != stateDone || r.ID != id {
				t.Fatalf("%s: %s: %+v, %v", when, id, r, ok)
			}
			if got, err := j.answer(id); err != nil || !got.Equal(want) {
				t.Errorf("%s: %s: got %v, %v", when, id, got, err)
			}
		}
		if _, err := j.answer("f"); rpc.FaultCode(err) != 404 {
			t.Errorf("%s: fault: %v", when, err)
		}
		if _, ok := j.find(callKey{"bot@x", "key-a", "other"}); ok {
			t.Errorf("%s: a key with other arguments is another call", when)
		}
	}
	check("at once", j)
	j.close()
	j = testJournal(t, path, clock.now)
	check("opened again", j)
	j.mu.Lock()
	err := j.compact()
	j.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	check("compacted", j)
	took(t, j, "g", "key-g", rpc.Int(7), nil)
	check("and written to", j)
	j.close()

	clock.at = clock.at.Add(journalKeep + time.Second)
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	j = testJournal(t, path, clock.now)
	if len(j.list()) != 0 {
		t.Errorf("after a day: %v", j.list())
	}
	if after, err := os.Stat(path); err != nil || after.Size() >= before.Size() || after.Mode().Perm() != 0o600 {
		t.Errorf("the file: %v, %v", after, err)
	}
	left, err := filepath.Glob(path + "*")
	if err != nil || len(left) != 1 {
		t.Errorf("files left: %v, %v", left, err)
	}
}

// TestJournalTorn cuts the file at every byte: what was whole is known, and
// what had begun and shows no end is interrupted.
func TestJournalTorn(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "whole")
	j := testJournal(t, path, time.Now)
	took(t, j, "a", "ka", rpc.Int(1), nil)
	took(t, j, "b", "kb", rpc.Int(2), nil)
	j.close()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for cut := range len(data) + 1 {
		lines := bytes.Count(data[:cut], []byte("\n"))
		torn := filepath.Join(dir, "torn")
		if err := os.WriteFile(torn, data[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		j, err := openJournal(torn, time.Now)
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		want := map[int]string{0: "", 1: "", 2: "a interrupted", 3: "a done", 4: "b interrupted a done", 5: "b done a done"}[lines]
		var got []string
		for _, r := range j.list() {
			got = append(got, r.ID+" "+string(r.State))
		}
		if strings.Join(got, " ") != want {
			t.Fatalf("cut at %d: got %v, want %s", cut, got, want)
		}
		if cut%10 > 0 && cut < len(data) {
			j.close()
			continue
		}
		// It goes on from there.
		took(t, j, "c", "kc", rpc.Int(3), nil)
		j.close()
		j = testJournal(t, torn, time.Now)
		if v, err := j.answer("c"); err != nil || !v.Equal(rpc.Int(3)) {
			t.Fatalf("cut at %d: afterwards: %v, %v", cut, v, err)
		}
		j.close()
	}
}

func TestJournalDamage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "whole")
	j := testJournal(t, path, time.Now)
	took(t, j, "a", "ka", rpc.Int(1), nil)
	took(t, j, "b", "kb", rpc.Int(2), nil)
	j.close()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(data, []byte("\n"))
	newer, err := formatLine(line{Op: "journal", Code: 2})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name string
		data []byte
		line int
		msg  string
	}{
		{"a changed byte", bytes.Replace(data, []byte(`"ka"`), []byte(`"kx"`), 1), 2, "checksum"},
		{"a line taken out", bytes.Join([][]byte{lines[0], lines[2]}, nil), 2, "ends that has not begun"},
		{"a line twice", bytes.Join([][]byte{lines[0], lines[1], lines[1]}, nil), 3, "begins twice"},
		{"an empty line", append([]byte("\n"), data...), 1, "no record"},
		{"another file", []byte("hello world, this is no journal\n"), 1, "no record"},
		{"no head", bytes.Join(lines[1:], nil), 1, "not a journal"},
		{"a newer one", newer, 1, "this version"},
		{"zeros", append(make([]byte, 100), '\n'), 1, "no record"},
		{"a line without end", bytes.Repeat([]byte("x"), maxJournalLine+1), 1, "does not end"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "journal")
			if err := os.WriteFile(path, tc.data, 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := openJournal(path, time.Now)
			d, ok := errors.AsType[*damage](err)
			if !ok || d.file != path || d.line != tc.line || !strings.Contains(d.msg, tc.msg) {
				t.Errorf("got %v", err)
			}
			if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, tc.data) {
				t.Errorf("the file was changed: %v", err)
			}
		})
	}
}

func TestJournalFull(t *testing.T) {
	clock := &fixed{time.Date(2026, 11, 20, 16, 0, 0, 0, time.UTC)}
	j := testJournal(t, filepath.Join(t.TempDir(), "journal"), clock.now)
	j.max = 5
	for i := range 4 {
		key := fmt.Sprint("k", i)
		if i == 1 || i == 2 {
			key = "" // nobody can repeat these
		}
		took(t, j, fmt.Sprint(i), key, rpc.Int(1), nil)
	}
	took(t, j, "4", "k4", rpc.Int(1), nil)
	took(t, j, "5", "k5", rpc.Int(1), nil)
	if err := j.reserve(record{ID: "x", Call: callKey{"bot@x", "kx", "d"}, Started: clock.at}); !errors.Is(err, errJournalFull) {
		t.Errorf("a caller beyond its share: %v", err)
	}
	if err := j.reserve(record{ID: "y", Call: callKey{"ci@x", "ky", "d"}, Started: clock.at}); err != nil {
		t.Errorf("a caller that has none: %v", err)
	}
	if err := j.reserve(record{ID: "z", Started: clock.at}); !errors.Is(err, errJournalFull) {
		t.Errorf("got %v", err)
	}
	j.release("y")
	for _, key := range []string{"k0", "k3", "k4", "k5"} {
		if _, ok := j.find(callKey{"bot@x", key, "d"}); !ok {
			t.Errorf("%s is forgotten", key)
		}
	}
	clock.at = clock.at.Add(journalKeep + time.Second)
	took(t, j, "6", "k6", rpc.Int(1), nil)
	if n := len(j.list()); n != 1 {
		t.Errorf("%d are kept after a day", n)
	}
	j.size = 10
	if err := j.reserve(record{ID: "7", Started: clock.at}); err != nil {
		t.Fatal(err)
	}
	if err := j.start("7"); !errors.Is(err, errJournalFull) {
		t.Errorf("a file that is too long: %v", err)
	}
	j.release("7")
	if n := len(j.list()); n != 1 {
		t.Errorf("%d after a release", n)
	}
}

func TestJournalCompacts(t *testing.T) {
	clock := &fixed{time.Date(2026, 11, 20, 16, 0, 0, 0, time.UTC)}
	path := filepath.Join(t.TempDir(), "journal")
	j := testJournal(t, path, clock.now)
	big := rpc.String(strings.Repeat("x", 200<<10))
	for i := range 40 {
		took(t, j, fmt.Sprint(i), fmt.Sprint("k", i), big, nil)
		clock.at = clock.at.Add(6 * time.Hour)
	}
	st, err := os.Stat(path)
	if err != nil || st.Size() > 3<<20 {
		t.Errorf("8 MB were written and the file has %v bytes, %v", st.Size(), err)
	}
	if v, err := j.answer("39"); err != nil || !v.Equal(big) {
		t.Errorf("the last answer: %v", err)
	}
}

func FuzzJournal(f *testing.F) {
	path := filepath.Join(f.TempDir(), "journal")
	j, err := openJournal(path, time.Now)
	if err != nil {
		f.Fatal(err)
	}
	if err := j.reserve(record{ID: "a", Call: callKey{"b", "k", "d"}}); err != nil {
		f.Fatal(err)
	}
	if err := errors.Join(j.start("a"), j.done("a", rpc.String("x"), nil), j.close()); err != nil {
		f.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add(data[:len(data)-3])
	for _, l := range []line{{Op: "start", ID: "z"}, {Op: "end", ID: "a", Code: 404}, {Op: "end", ID: "a", Value: "<value/>"}} {
		b, err := formatLine(l)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(append(bytes.Clone(data), b...))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "journal")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		j, err := openJournal(path, time.Now)
		if err != nil {
			if _, ok := errors.AsType[*damage](err); !ok {
				t.Fatal(err)
			}
			if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, data) {
				t.Fatal("a damaged file was changed")
			}
			return
		}
		n := len(j.list())
		for _, r := range j.list() {
			if _, err := j.answer(r.ID); err == nil && r.State != stateDone {
				t.Fatal("an answer to what did not end")
			}
		}
		if err := j.close(); err != nil {
			t.Fatal(err)
		}
		if j, err = openJournal(path, time.Now); err != nil || len(j.list()) != n {
			t.Fatalf("it does not open again: %v", err)
		}
		j.close()
	})
}
