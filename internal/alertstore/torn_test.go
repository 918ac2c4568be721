package alertstore_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"adminbot/internal/alertstore"
	"adminbot/workgroups"
)

const sector = 512 // what a disk writes whole, at best

// A walState is what the head of a write-ahead log and its frames say
// (sqlite.org/fileformat2.html#the_write_ahead_log).
type walState struct {
	generation uint64 // its salts: it is written anew from its start after a checkpoint
	end        int    // of the last commit in it
}

const (
	walHead   = 32
	frameHead = 24
)

func parseWAL(wal []byte) (w walState) {
	if len(wal) < walHead {
		return w
	}
	w.generation, w.end = binary.BigEndian.Uint64(wal[16:]), walHead
	frame := frameHead + int(binary.BigEndian.Uint32(wal[8:]))
	for at := walHead; at+frame <= len(wal) && binary.BigEndian.Uint64(wal[at+8:]) == w.generation; at += frame {
		if binary.BigEndian.Uint32(wal[at+4:]) != 0 { // the last frame of a commit
			w.end = at + frame
		}
	}
	return w
}

// TestTornPower cuts the files of a store where the loss of power might have: in
// the middle of what a commit was writing, or of a checkpoint, with any of the
// sectors that had not been waited for missing. What opens has every commit that
// was acknowledged, whole, and of the next all or nothing.
func TestTornPower(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	path := filepath.Join(t.TempDir(), "alerts.db")
	s, err := alertstore.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	read := func(name string) []byte {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return content
	}
	dir := t.TempDir()
	// opens opens such files, and wants so many commits in them.
	opens := func(what string, db, wal []byte, want int) {
		t.Helper()
		torn := filepath.Join(dir, "alerts.db")
		for name, content := range map[string][]byte{torn: db, torn + "-wal": wal} {
			if err := os.WriteFile(name, content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		os.Remove(torn + "-shm")
		if err := intact(t, torn, want); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}

	var ends []int // of the commits of this generation
	var was walState
	db, cuts, checkpoints := read(path), 0, 0
	for n := 1; checkpoints < 2; n++ {
		if n > 2000 {
			t.Fatalf("%d checkpoints in %d commits", checkpoints, n)
		}
		if err := s.Commit(t.Context(), commit(n, rnd)); err != nil {
			t.Fatal(err)
		}
		wal, now := read(path+"-wal"), read(path)
		w := parseWAL(wal)
		before := was.end
		if w.generation != was.generation {
			ends, before = nil, walHead
		}
		ends, was = append(ends, w.end), w
		if !bytes.Equal(db, now) {
			checkpoints++
			for range 8 { // some of its sectors are on the disk
				half := bytes.Clone(now)
				for at := 0; at < len(now); at += sector {
					if rnd.IntN(2) == 0 {
						clear(half[at:min(at+sector, len(now))])
						if at < len(db) {
							copy(half[at:min(at+sector, len(db))], db[at:])
						}
					}
				}
				opens(fmt.Sprintf("a checkpoint after commit %d", n), half[:len(now)/sector*sector], wal, n)
			}
			db = now
			continue
		}
		if rnd.IntN(12) != 0 && len(ends) > 2 {
			continue
		}
		cuts++
		// The log ends in the middle of this commit, or is full of holes there.
		opens(fmt.Sprintf("cut in commit %d", n), db, wal[:before+rnd.IntN(w.end-before)], n-1)
		holes := bytes.Clone(wal)
		for at := before; at < w.end; at += sector {
			if at == before || rnd.IntN(2) == 0 {
				clear(holes[at:min(at+sector, w.end)])
			}
		}
		opens(fmt.Sprintf("holes in commit %d", n), db, holes, n-1)
		opens(fmt.Sprintf("after commit %d", n), db, wal, n)
		// The log ends anywhere, with what was there before behind it.
		at := walHead + rnd.IntN(w.end-walHead)
		first, whole := n-len(ends), 0
		for whole < len(ends) && ends[whole] <= at {
			whole++
		}
		garbage := bytes.Clone(wal)
		for i := range garbage[at:w.end] {
			garbage[at+i] ^= byte(1 + rnd.IntN(255))
		}
		opens(fmt.Sprintf("garbage from byte %d on", at), db, garbage, first+whole)
	}
	if cuts < 10 {
		t.Errorf("only %d commits were cut", cuts)
	}
}

// commit is the change number n: a new alert, and the one before counts two.
func commit(n int, rnd *rand.Rand) []workgroups.Change {
	alert := func(id int, count int64) workgroups.Change {
		return workgroups.PutAlert{Alert: workgroups.Alert{
			ID: int64(id), Workgroup: "alerts", Source: "test", Fingerprint: fmt.Sprint(id), Episode: 1, Severity: workgroups.Warning,
			Summary: fmt.Sprint("alert ", id), Details: strings.Repeat("x", 8000+rnd.IntN(8000)), Labels: map[string]string{},
			Raised: time.Unix(int64(id), 0), Count: count, State: workgroups.Open, Seq: 1,
		}}
	}
	changes := []workgroups.Change{
		alert(n, 1),
		workgroups.AddEntry{Entry: workgroups.Entry{Alert: int64(n), Seq: 1, At: time.Unix(int64(n), 0), What: "raised"}},
		workgroups.PutMessage{Message: workgroups.Message{ID: int64(n), Kind: workgroups.MessageNote, Text: fmt.Sprint("message ", n)}},
	}
	if n > 1 {
		changes = append(changes, alert(n-1, 2))
	}
	return changes
}

// intact opens a store and reports what of the first n commits is not in it, or
// what more there is.
func intact(t *testing.T, path string, n int) error {
	t.Helper()
	s, err := alertstore.Open(t.Context(), path)
	if err != nil {
		return err
	}
	defer s.Close()
	img, err := s.Load(t.Context())
	if err != nil {
		return err
	}
	if len(img.Alerts) != n || len(img.Messages) != n {
		return fmt.Errorf("%d alerts and %d messages, %d commits were acknowledged", len(img.Alerts), len(img.Messages), n)
	}
	for i, a := range img.Alerts {
		want := int64(2)
		if i == n-1 {
			want = 1
		}
		if a.ID != int64(i+1) || a.Count != want {
			return fmt.Errorf("alert %d counts %d, in the place of alert %d, which counts %d", a.ID, a.Count, i+1, want)
		}
	}
	if n == 0 {
		return nil
	}
	_, entries, err := s.Alert(t.Context(), int64(n))
	if err == nil && len(entries) != 1 {
		err = fmt.Errorf("the last alert has %d lines in its timeline", len(entries))
	}
	return err
}
