package textsafe

import (
	"encoding/xml"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestLine(t *testing.T) {
	tests := []struct {
		name, in, want string
		limit          int
	}{
		{"plain", "GET / 200", "GET / 200", 0},
		{"letters", "größe 日本", "größe 日本", 0},
		{"colours", "\x1b[1;31mred\x1b[0m off", "red off", 0},
		{"colours in one character", "\u009b1;31mred", "red", 0},
		{"a title", "\x1b]0;owned\x07text", "text", 0},
		{"a title ended by ST", "\x1b]0;owned\x1b\\text", "text", 0},
		{"a title in one character", "\u009d0;owned\u009ctext", "text", 0},
		{"a title without an end", "\u009d0;text", "0;text", 0},
		{"a device string", "\x1bP1$r\x1b\\text", "text", 0},
		{"lone escape", "a\x1b", "a", 0},
		{"tab and newline", "a\tb\nc\r", "a b c", 0},
		{"other line ends", "a\u0085b\u2028c\u2029d", "a b c d", 0},
		{"carriage return inside", "good\rbad", "good\uFFFDbad", 0},
		{"control bytes", "a\x00b\x7fc\u0086d", "a\uFFFDb\uFFFDc\uFFFDd", 0},
		{"invalid UTF-8", "a\xff\xfeb", "a\uFFFD\uFFFDb", 0},
		{"not XML", "a\uFFFEb", "a\uFFFDb", 0},
		{"turned around", "a\u202Eb\u2066c", "a\uFFFDb\uFFFDc", 0},
		{"emoji", "\u2764\uFE0F 👩\u200D🚒", "\u2764 👩🚒", 0},
		{"cut", "abcdefgh", "abcd…", 7},
		{"cut between letters", "ääää", "ää…", 7},
		{"fits exactly", "abcdefgh", "abcdefgh", 8},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Line(tt.in, tt.limit); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

func TestText(t *testing.T) {
	tests := []struct {
		name, in, want string
		limit          int
	}{
		{"lines stay", "a\n\n\x1b[31mb\x1b[0m\r\nc\n", "a\n\nb\nc\n", 0},
		{"other line ends do not", "a\u2028b\tc", "a b c", 0},
		{"cut", "abc\ndefgh", "abc\nd…", 8},
		{"long", strings.Repeat("a\n", 100), "a\na\n…", 7},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := Text(tt.in, tt.limit)
			if got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
			if again := Text(got, tt.limit); again != got {
				t.Errorf("cleaned again is %q", again)
			}
		})
	}
}

func FuzzLine(f *testing.F) {
	for _, s := range []string{"", "a", "\x1b[31m", "\x1b]0;x\x07", "\xff", "ä\r", "\u202E", "\x1b\x1b[", "\x1b[\xff", "\u009d\u009c", "\u200d\x1b"} {
		f.Add(s, 10)
	}
	f.Fuzz(func(t *testing.T, s string, limit int) {
		limit = max(0, limit%4096)
		if limit > 0 && limit < 4 {
			limit = 4
		}
		got := Line(s, limit)
		if !utf8.ValidString(got) || limit > 0 && len(got) > limit {
			t.Fatalf("%q has %d bytes of %d, or is no UTF-8", got, len(got), limit)
		}
		if i := strings.IndexFunc(got, func(r rune) bool { return unicode.IsControl(r) || Hidden(r) }); i >= 0 {
			t.Errorf("%q has something to hide at %d", got, i)
		}
		if Line(got, limit) != got {
			t.Errorf("%q cleaned again is %q", got, Line(got, limit))
		}
		var b strings.Builder
		if err := xml.EscapeText(&b, []byte(got)); err != nil {
			t.Fatal(err)
		}
		var back struct {
			Text string `xml:",chardata"`
		}
		if err := xml.Unmarshal([]byte("<t>"+b.String()+"</t>"), &back); err != nil || back.Text != got {
			t.Errorf("%q went through XML as %q: %v", got, back.Text, err)
		}
	})
}
