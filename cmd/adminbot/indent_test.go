package main

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"adminbot/bot"
)

// TestAppendIndented: the document is what the library writes, byte for byte.
func TestAppendIndented(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for name, v := range map[string]any{
		"nil": nil, "text": "web01", "text to escape": "a\"b\\c<d>&é\u2028\x00\xff\n", "yes": true,
		"numbers": []any{0.0, math.Copysign(0, -1), 1.5, -3.0, 1e14, 1e15, 1e21, -1e-7, 9007199254740993.0, int64(7)},
		"empty":   map[string]any{"map": map[string]any{}, "list": []any{}, "nil map": map[string]any(nil), "nil list": []any(nil)},
		"deep": map[string]any{"z": []any{map[string]any{"b": "2", "a\n": []any{1.0, []any{"x"}}}}, "a": at, "raw": []byte("bytes"),
			"named": []string{"one", "two"}, "struct": struct{ A, B int }{1, 2}},
	} {
		for depth := range 3 {
			want, err := json.MarshalIndent(v, string(appendIndent(nil, depth)), "  ")
			if err != nil {
				t.Fatal(err)
			}
			if got, err := appendIndented(nil, v, depth); err != nil || string(got) != string(want) {
				t.Errorf("%s at %d: %v\n%s\nwant\n%s", name, depth, err, got, want)
			}
		}
	}
	if _, err := appendIndented(nil, map[string]any{"a": []any{math.NaN()}}, 0); err == nil {
		t.Error("a number that JSON has not is taken")
	}
}

// TestHostResult: the members of a result are those its tags name.
func TestHostResult(t *testing.T) {
	for _, r := range []bot.Result{
		{Host: "web01", Value: map[string]any{"a": 1.0}, Took: time.Second, Key: "k"},
		{Host: "web02", Outcome: bot.Failed, Code: 404, Why: "no such \"unit\""},
		{Host: "web03", Outcome: bot.NoAnswer},
	} {
		want, err := json.MarshalIndent(hostJSON(r), "    ", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if got, err := appendIndented(nil, hostJSON(r).appendMembers(nil), 2); err != nil || string(got) != string(want) {
			t.Errorf("%v\n%s\nwant\n%s", err, got, want)
		}
	}
}

func BenchmarkPrintHost(b *testing.B) {
	systems := []any{}
	for range 4 {
		systems = append(systems, map[string]any{"mount": "/var", "device": "/dev/sda1", "fstype": "ext4", "size_bytes": 1e11, "free_bytes": 5e10, "used_percent": 50.25})
	}
	r := bot.Result{Host: "web01", Value: map[string]any{"at": time.Now(), "took_ms": 1.0, "filesystems": systems}, Took: time.Millisecond, Key: "0e6a6a10-6c5f-4c86-a6f0-3b5c2c8f3d55"}
	b.Run("own", func(b *testing.B) {
		for b.Loop() {
			if _, err := appendIndented(nil, hostJSON(r).appendMembers(nil), 2); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("library", func(b *testing.B) {
		for b.Loop() {
			if _, err := json.MarshalIndent(hostJSON(r), "    ", "  "); err != nil {
				b.Fatal(err)
			}
		}
	})
}
