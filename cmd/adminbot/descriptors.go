package main

import (
	"fmt"
	"log/slog"

	"golang.org/x/sys/unix"
)

const (
	// manyDescriptors is what a server asks for: ten thousand connections,
	// and as many again.
	manyDescriptors = 20_000
	// spareDescriptors are what a process needs beside its connections.
	spareDescriptors = 100
)

// raiseDescriptors lets this process have want open files, or as many as the
// machine allows, and returns how many that are. The hard limit is raised where
// this process may.
func raiseDescriptors(want int) (have int, err error) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 0, fmt.Errorf("open files: %w", err)
	}
	if limit.Cur < uint64(want) {
		more := unix.Rlimit{Cur: uint64(want), Max: max(limit.Max, uint64(want))}
		if unix.Setrlimit(unix.RLIMIT_NOFILE, &more) != nil {
			more = unix.Rlimit{Cur: limit.Max, Max: limit.Max}
			if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &more); err != nil {
				return int(limit.Cur), nil
			}
		}
		limit = more
	}
	return int(min(limit.Cur, 1<<30)), nil
}

// needDescriptors is raiseDescriptors where fewer will not do.
func needDescriptors(want int) error {
	have, err := raiseDescriptors(want)
	if err == nil && have < want {
		err = fmt.Errorf("this takes %d open files, and this process may have %d\nhint: ulimit -n %d, or LimitNOFILE= of the service; or ask for less", want, have, want)
	}
	return err
}

// serveMany prepares a process for many connections, and says so if they will be
// fewer.
func serveMany(log *slog.Logger) {
	have, err := raiseDescriptors(manyDescriptors)
	switch {
	case err != nil:
		log.Warn("the limit of open files is not known", "err", err)
	case have < manyDescriptors:
		log.Warn("this process may have few open files: further connections will be refused", "connections", have-spareDescriptors)
	}
}
