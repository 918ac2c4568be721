package xmppd

import (
	"encoding/binary"
	"time"
)

// An unacked holds the stanzas that were sent to a client, in order, until the
// client says that it has them. It takes no memory while there are none. Not
// safe for concurrent use.
type unacked struct {
	acked   uint32 // stanzas that the client has, modulo 2^32
	count   int    // stanzas behind those
	handed  int    // of these, from the first, how many a connection was given
	bulk    int    // bytes allowed beyond the bound
	bulkEnd uint32 // until so many are acknowledged

	buf []byte // entries: length, time of arrival, stanza
	off int    // of the first entry
}

// entryHead is what an entry takes beside the stanza.
const entryHead = 4 + 8

func (u *unacked) bytes() int { return len(u.buf) - u.off }

// sizeOf returns what a stanza in parts takes, or in bulk one in each part.
func sizeOf(parts [][]byte, bulk bool) (bytes, stanzas int) {
	stanzas = 1
	if bulk {
		stanzas = len(parts)
	}
	bytes = entryHead * stanzas
	for _, p := range parts {
		bytes += len(p)
	}
	return bytes, stanzas
}

// add takes a stanza in parts, or in bulk one in each part. It reports whether
// there was room: bulk may exceed it, one at a time, until it is acknowledged.
func (u *unacked) add(parts [][]byte, bulk bool, room, most int) bool {
	n, stanzas := sizeOf(parts, bulk)
	if int32(u.acked-u.bulkEnd) >= 0 {
		u.bulk = 0
		if bulk {
			u.bulk, u.bulkEnd = n, u.acked+uint32(u.count+stanzas)
		}
	}
	if u.bytes()+n > room+u.bulk || u.count+stanzas > most && u.bulk == 0 {
		return false
	}
	u.makeRoom(n)
	at := uint64(time.Now().UnixMicro())
	head := func(length int) {
		u.buf = binary.LittleEndian.AppendUint32(u.buf, uint32(length))
		u.buf = binary.LittleEndian.AppendUint64(u.buf, at)
		u.count++
	}
	if !bulk {
		head(n - entryHead)
	}
	for _, p := range parts {
		if bulk {
			head(len(p))
		}
		u.buf = append(u.buf, p...)
	}
	return true
}

// makeRoom sees to it that n bytes can be appended. There is never much more
// room than that: what it takes is counted.
func (u *unacked) makeRoom(n int) {
	if u.buf == nil {
		u.buf = *outputs.Get().(*[]byte)
	}
	if len(u.buf)+n <= cap(u.buf) {
		return
	}
	if need := u.bytes() + n; need > cap(u.buf)-cap(u.buf)/4 {
		u.move(need + need/4)
	} else {
		u.buf = u.buf[:copy(u.buf, u.buf[u.off:])]
		u.off = 0
	}
}

// move takes the entries to a buffer of another size.
func (u *unacked) move(size int) {
	old := *u
	u.buf = append(make([]byte, 0, size), u.buf[u.off:]...)
	u.off = 0
	old.free()
}

// clip gives back what memory is not used, for a client that is lost.
func (u *unacked) clip() { u.move(u.bytes()) }

// ack forgets the stanzas before the h-th. It reports whether so many were
// sent; a number that is less than before changes nothing.
func (u *unacked) ack(h uint32) bool {
	n := int32(h - u.acked)
	if n <= 0 {
		return true
	}
	if int(n) > u.count {
		return false
	}
	u.acked = h
	u.count -= int(n)
	u.handed = max(0, u.handed-int(n))
	for range n {
		u.off += entryHead + int(binary.LittleEndian.Uint32(u.buf[u.off:]))
	}
	if u.count == 0 {
		u.free()
	} else if cap(u.buf) > keptOutput && u.bytes() < cap(u.buf)/4 {
		u.move(2 * u.bytes())
	}
	return true
}

func (u *unacked) free() {
	if firstOutput <= cap(u.buf) && cap(u.buf) <= keptOutput {
		b := u.buf[:0]
		outputs.Put(&b)
	}
	u.buf, u.off = nil, 0
}

// all calls f for each stanza: when it was added, and whether a connection was
// given it.
func (u *unacked) all(f func(stanza []byte, at time.Time, handed bool)) {
	for i, b := 0, u.buf[u.off:]; len(b) > 0; i++ {
		end := entryHead + int(binary.LittleEndian.Uint32(b))
		f(b[entryHead:end:end], time.UnixMicro(int64(binary.LittleEndian.Uint64(b[4:]))), i < u.handed)
		b = b[end:]
	}
}
