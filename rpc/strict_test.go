package rpc

import (
	"errors"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

// strictCases returns the lines of testdata/strict.txtar.
func strictCases(tb testing.TB) (cases []strictCase) {
	tb.Helper()
	ar, err := txtar.ParseFile("testdata/strict.txtar")
	if err != nil {
		tb.Fatal(err)
	}
	for _, f := range ar.Files {
		for line := range strings.Lines(string(f.Data)) {
			line = strings.TrimSpace(line)
			if line == "" {
				continue
			}
			in, want, ok := strings.Cut(line, "  =>  ")
			if !ok {
				tb.Fatalf("%s: no => in %q", f.Name, line)
			}
			cases = append(cases, strictCase{f.Name, in, want})
		}
	}
	return cases
}

type strictCase struct{ topic, in, want string }

func TestStrictness(t *testing.T) {
	for _, c := range strictCases(t) {
		t.Run(c.topic+"/"+c.in, func(t *testing.T) {
			v, err := ReadValue(parse(c.in), Limits{})
			got := string(v.AppendXML(nil))
			if err == nil && v.Valid() != nil {
				got = "nil, not sent"
			}
			if code, words, ok := strings.Cut(c.want, ", "); ok && strings.HasPrefix(code, "-") {
				var se *SyntaxError
				if !errors.As(err, &se) {
					t.Fatalf("got %s, want %s", got, c.want)
				}
				if strconv.Itoa(se.Code) != code || !strings.Contains(err.Error(), words) {
					t.Fatalf("got %d, %v\nwant %s", se.Code, err, c.want)
				}
				return
			}
			if err != nil {
				t.Fatalf("got %v\nwant %s", err, c.want)
			}
			if got != c.want {
				t.Fatalf("got  %s\nwant %s", got, c.want)
			}
			if v.Valid() != nil {
				return
			}
			r, err := v.TokenReader()
			if err != nil {
				t.Fatal(err)
			}
			again, err := ReadValue(r, Limits{})
			if err != nil || !again.Equal(v) {
				t.Fatalf("written and read again: %v, %v\nwant %v", again, err, v)
			}
		})
	}
}
