package main

import (
	"runtime"
	"runtime/debug"
)

// garbageAfter is the memory up to which a short command collects no garbage.
const garbageAfter = 256 << 20

// collectLate puts the garbage collector off: a command that asks thousands of
// hosts and ends would spend a fifth of its time in it, and ends before it needs
// the memory back. A command that grows beyond garbageAfter collects as usual.
func collectLate() {
	percent := debug.SetGCPercent(-1)
	limit := debug.SetMemoryLimit(garbageAfter)
	first := new([16]byte) // collected when the collector first runs
	runtime.AddCleanup(first, func(struct{}) {
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(limit)
	}, struct{}{})
}
