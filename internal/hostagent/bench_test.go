package hostagent

import (
	"testing"

	"adminbot/rpc"
)

// BenchmarkRead is a read through guard, audit log and mux; the time is the
// disk's.
func BenchmarkRead(b *testing.B) {
	r := newRig(b, nil)
	for b.Loop() {
		if err := r.asAlice("rpc.ping", rpc.Envelope{}, nil, nil); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkReadParallel shows how reads that meet share a sync.
func BenchmarkReadParallel(b *testing.B) {
	r := newRig(b, nil)
	b.SetParallelism(8)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := r.asAlice("rpc.ping", rpc.Envelope{}, nil, nil); err != nil {
				b.Error(err)
			}
		}
	})
}
