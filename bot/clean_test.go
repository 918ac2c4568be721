package bot

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestClean(t *testing.T) {
	for name, tt := range map[string]struct{ in, want string }{
		"plain":             {"disk full on /var", "disk full on /var"},
		"umlauts and kanji": {"Größe 容量", "Größe 容量"},
		"colours":           {"\x1b[31;1mred\x1b[0m", "red"},
		"a window title":    {"\x1b]0;yes\x07after", "after"},
		"eight bit CSI":     {"\u009b2Jgone", "gone"},
		"half an escape":    {"x\x1b", "x"},
		"bidi":              {"\u202egnp.exe\u2066", "gnp.exe"},
		"zero width":        {"ye\u200bs 7f3", "yes_7f3"},
		"a card":            {"yes 7f3 to run · approve 8tz 6", "yes_7f3 to run · approve_8tz 6"},
		"a quoted card":     {"say: \"YES  7f3\"", "say: \"YES_7f3\""},
		"not a card":        {"yes please, approve everything", "yes please, approve everything"},
		"own marks":         {"✔ restarted", "? restarted"},
		"a fence":           {"```\nbot> done", "``' bot> done"},
		"lines":             {"a\r\nb\u2028c\td", "a b c d"},
		"bad UTF-8":         {"a\xff\xfeb", "a\uFFFD\uFFFDb"},
		"zalgo":             {"e\u0301\u0301\u0301\u0301x", "e\u0301\u0301x"},
		"nul":               {"a\x00b", "ab"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := clean(tt.in, 80); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	if got := clean(strings.Repeat("x", 1e6), 10); utf8.RuneCountInString(got) != 10 {
		t.Errorf("got %d runes", utf8.RuneCountInString(got))
	}
	if got := cleanLines("a\nyes 7f3\n\n\n", 10, 80); len(got) != 2 || got[1] != "yes_7f3" {
		t.Errorf("got %q", got)
	}
}

// FuzzClean: whatever a host sends, what is shown is one line of valid text that
// moves no cursor, ends no block and confirms no card; cleaning twice is
// cleaning once.
func FuzzClean(f *testing.F) {
	for _, s := range []string{"\x1b[31mred", "yes 7f3 to run", "```", "\u202eabc", "approve\u00a08tz 6", "a\xffb", "\x1b]0;t\x07", "✔ done", "ye\u0301s  7f3", "` ` `", "\u009b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := clean(s, 80)
		if !utf8.ValidString(got) || utf8.RuneCountInString(got) > 80 {
			t.Fatalf("%q", got)
		}
		for _, r := range got {
			if unicode.IsControl(r) || invisible(r) || strings.ContainsRune(ownMarks, r) {
				t.Fatalf("%q holds %U", got, r)
			}
		}
		if strings.Contains(got, "```") {
			t.Fatalf("%q ends a block", got)
		}
		words := strings.Fields(got)
		for i := 1; i < len(words); i++ {
			if c, ok := control(words[i-1]+" "+words[i], func(string) bool { return true }); ok && (c.Method == "bot.confirm" || c.Method == "bot.approve") && looksLikeID(words[i]) && confirming[words[i-1]] {
				t.Fatalf("%q could be copied as a yes", got)
			}
		}
		if again := clean(got, 80); again != got {
			t.Fatalf("%q becomes %q", got, again)
		}
	})
}

// FuzzRender: whatever value a host answers with, the reply keeps the rules.
func FuzzRender(f *testing.F) {
	f.Add("disk.usage", "mount", "/\n```\nyes 7f3", 12.5, "x")
	f.Add("x.plugin", "_bytes", "✔", -1e300, "\x1b[2J")
	f.Add("service.restart", "after", "active", 0.0, "job")
	f.Add("host.info", "uptime_seconds", "x", 1e300, "") // longer than any duration
	f.Add("host.info", "age_ms", "x", -1e300, "")
	f.Add("x.plugin", "a} ✔ restarted\n```\nyes 7f3 {a", "x", 1.0, "") // a member that reads like a template
	f.Fuzz(func(t *testing.T, method, key, text string, n float64, why string) {
		row := map[string]any{key: text, "used_percent": n, "name": text, "mount": text, "unit": text}
		named := map[string]any{key: text, "a": text}
		value := map[string]any{key: n, "text": text, "named": []any{named, named, named}, "filesystems": []any{row, row}, "list": []any{text, n, row, nil}, "sub": row, "at": text}
		for _, results := range [][]Result{
			{{Host: "web01", Value: value}},
			{{Host: "web01", Value: value}, {Host: "web02", Outcome: Failed, Why: why}, {Host: "web03", Outcome: NoAnswer, Why: why}},
		} {
			step := Step{Method: method, Args: map[string]any{"unit": text}, Hosts: []string{"web01"}}
			r := report{id: "7f3", plan: Plan{Steps: []Step{step}}, results: [][]Result{results}}
			out, _ := page(r.render(), chatRoom, r.id)
			checkReply(t, out, chatLines)
			out, _ = page(r.everything(), chatRoom, r.id)
			if strings.Count(out, "```")%2 != 0 || !utf8.ValidString(out) {
				t.Errorf("%q", out)
			}
		}
	})
}

func TestShorten(t *testing.T) {
	for _, tt := range []struct {
		in    string
		limit int
		want  string
	}{
		{"/var/log/syslog", 20, "/var/log/syslog"},
		{"/var/lib/postgresql/15/main/base/pg_internal.init", 24, "/var/l…/pg_internal.init"},
		{"/var/lib/postgresql/15/main/", 16, "/var/lib/…/main/"},
		{"/" + strings.Repeat("é", 40), 12, "/éé…" + strings.Repeat("é", 8)},
		{"/a file with blanks in its name", 10, "/a file w…"},
		{"a-very-long-process-name (4112)", 16, "a-very-l… (4112)"},
		{"words and words", 8, "words a…"},
		{"/ab/cd", 3, "/a…"},
		{"/abcdefgh", 1, "…"},
	} {
		if got := shorten(tt.in, tt.limit); got != tt.want || width(got) > tt.limit {
			t.Errorf("shorten(%q, %d) = %q, want %q", tt.in, tt.limit, got, tt.want)
		}
	}
}
