package main

import (
	"fmt"
	"runtime"
)

// Set by the build (make build).
var (
	buildVersion = "development"
	buildCommit  = "unknown"
)

type versionCmd struct{}

func (versionCmd) Run(std streams) error {
	fmt.Fprintf(std.out, "adminbot %s\ncommit   %s\ngo       %s %s/%s\n", buildVersion, buildCommit, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return nil
}
