package xmppd

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestUnacked compares an unacked with a plain list.
func TestUnacked(t *testing.T) {
	const room, most = 5000, 40
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 1))
		u := unacked{acked: ^uint32(0) - 20, bulkEnd: ^uint32(0) - 20} // the count wraps around
		var list []string
		acked := u.acked
		for range 500 {
			switch r.IntN(5) {
			case 0, 1:
				s := fmt.Sprint(r.IntN(1000), strings.Repeat("x", r.IntN(300)))
				n := 0
				for _, l := range list {
					n += len(l) + entryHead
				}
				fits := n+len(s)+entryHead <= room && len(list) < most
				if got := u.add([][]byte{[]byte(s[:1]), []byte(s[1:])}, false, room, most); got != fits && u.bulk == 0 {
					t.Fatalf("%d bytes fit: %v", n, got)
				} else if got {
					list = append(list, s)
				}
			case 2:
				if r.IntN(10) == 0 {
					bulk := [][]byte{[]byte("one"), []byte(strings.Repeat("y", 6000)), []byte("three")}
					if u.add(bulk, true, room, most) {
						list = append(list, "one", string(bulk[1]), "three")
					} else if int32(u.acked-u.bulkEnd) >= 0 {
						t.Fatal("no bulk is on its way, and there is no room for one")
					}
				}
			case 3:
				n := r.IntN(len(list) + 1)
				if !u.ack(acked + uint32(n)) {
					t.Fatalf("%d of %d cannot be acknowledged", n, len(list))
				}
				list = list[n:]
				acked += uint32(n)
			case 4:
				if u.ack(acked + uint32(len(list)) + 1) {
					t.Fatal("more was acknowledged than sent")
				}
				if !u.ack(acked - 5) {
					t.Fatal("an old acknowledgement counts as one too high")
				}
				u.handed = u.count
			}
			var got []string
			u.all(func(stanza []byte, at time.Time, handed bool) { got = append(got, string(stanza)) })
			if !slices.Equal(got, list) || u.count != len(list) || u.acked != acked {
				t.Fatalf("seed %d: got %d stanzas, want %d", seed, len(got), len(list))
			}
			if u.count == 0 && u.buf != nil {
				t.Fatal("memory is kept for nothing")
			}
		}
	}
}

// TestUnackedShrinks acknowledges most of what was much.
func TestUnackedShrinks(t *testing.T) {
	var u unacked
	stanza := [][]byte{make([]byte, 10<<10)}
	for range 1000 {
		if !u.add(stanza, false, 100<<20, 10000) {
			t.Fatal("there is no room")
		}
	}
	if n := cap(u.buf); n > 2*u.bytes() {
		t.Errorf("%d bytes are held for %d", n, u.bytes())
	}
	for h := range uint32(1000) {
		u.ack(h)
		if n := cap(u.buf); n > 8*u.bytes()+keptOutput {
			t.Fatalf("%d bytes are held for %d", n, u.bytes())
		}
	}
}
