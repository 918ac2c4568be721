package muc_test

import (
	"context"
	"fmt"
	"testing"

	"adminbot/internal/muc"
	"adminbot/internal/muc/muctest"
)

// deaf is a peer that only counts.
type deaf struct{ n *int }

func (d deaf) Send(...[]byte) bool { *d.n++; return true }

func (d deaf) SendAll(all ...[]byte) bool { *d.n += len(all); return true }

// BenchmarkSay has one of so many people in a room say something.
func BenchmarkSay(b *testing.B) {
	for _, people := range []int{2, 20, 200} {
		b.Run(fmt.Sprint(people), func(b *testing.B) {
			s, err := muc.New(muc.Options{Domain: "rooms", Limits: muc.Limits{Burst: 1 << 30}})
			if err != nil {
				b.Fatal(err)
			}
			n := 0
			for i := range people {
				s.Handle(context.Background(), deaf{&n}, muctest.Stanza(b, fmt.Sprintf("<presence from='p%d@b/c' to='r@rooms/p%d'><x xmlns='http://jabber.org/protocol/muc'/></presence>", i, i)))
				if i == 0 {
					s.Handle(context.Background(), deaf{&n}, muctest.Stanza(b, "<iq type='set' id='1' from='p0@b/c' to='r@rooms'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'/></query></iq>"))
				}
			}
			st := muctest.Stanza(b, "<message type='groupchat' id='7f3' from='p0@b/c' to='r@rooms'><body>which hosts have less than 10% disk free?</body><active xmlns='http://jabber.org/protocol/chatstates'/></message>")
			n = 0
			for b.Loop() {
				s.Handle(context.Background(), deaf{&n}, st)
			}
			if n != b.N*people {
				b.Fatalf("%d of %d came", n, b.N*people)
			}
		})
	}
}
