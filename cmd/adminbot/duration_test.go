package main

import (
	"testing"
	"time"
)

func TestParseDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"45m": 45 * time.Minute, "1h30m": 90 * time.Minute, "2d": 48 * time.Hour, "-1d": -24 * time.Hour, "0": 0,
	} {
		if d, err := parseDuration(text); err != nil || d != want {
			t.Errorf("%s: %s, %v", text, d, err)
		}
	}
	for _, text := range []string{"", "2", "d", "1.5d", "2d3h", "99999999999d", "soon"} {
		if d, err := parseDuration(text); err == nil {
			t.Errorf("%q: %s", text, d)
		}
	}
}
