package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// buildVersion is set by the build (make build).
var buildVersion = "development"

type versionCmd struct{}

func (versionCmd) Run(std streams) error {
	fmt.Fprintf(std.out, "adminbot %s\ncommit   %s\ngo       %s %s/%s\n", buildVersion, commit(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return nil
}

func commit() string {
	info, ok := debug.ReadBuildInfo()
	if ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				return s.Value
			}
		}
	}
	return "unknown"
}
