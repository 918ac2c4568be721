package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode"

	"adminbot/agentapi"
	"adminbot/bot"
	"adminbot/internal/fleet"
)

// TestJSONIsHarmless: what hosts write cannot command the terminal that shows a
// document, and is still there for the program that reads it.
func TestJSONIsHarmless(t *testing.T) {
	const evil = "ok\nweb02\r\x1b[31m\u009b31m\u009d0;x\u202e\u2066\u200b\u2028\x7f\U000e0041 <größe> 日本 👩\u200d🚒"
	results := []bot.Result{{Host: "web01", Value: map[string]any{"text": evil, evil: 1}, Why: evil}}
	for name, print := range map[string]func(streams) error{
		"json":  func(std streams) error { return printJSON(std, map[string]any{"a": evil}) },
		"hosts": func(std streams) error { return printHostsJSON(std, []fleet.Host{{Name: "web01", Status: evil}}) },
		"ndjson": func(std streams) error {
			o := rpcCmd{NDJSON: true}.output(std, &directCall{})
			o.progress(results[0])
			return o.broken
		},
		"group": func(std streams) error { return rpcCmd{Group: true}.output(std, &directCall{}).printGroups(results) },
	} {
		var out bytes.Buffer
		if err := print(streams{out: &out, err: &out}); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if i := strings.IndexFunc(out.String(), func(r rune) bool {
			return r != '\n' && (unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp))
		}); i >= 0 {
			t.Errorf("%s: at %d: %q", name, i, out.String())
		}
		if !strings.Contains(out.String(), "größe") || !strings.Contains(out.String(), "日本") {
			t.Errorf("%s: letters are escaped: %s", name, out.String())
		}
		var back any
		if err := json.Unmarshal(out.Bytes(), &back); err != nil || !contains(back, evil) {
			t.Errorf("%s: %v: came back as %q", name, err, back)
		}
	}
}

// contains looks for a text anywhere in a document.
func contains(v any, text string) bool {
	switch v := v.(type) {
	case string:
		return v == text
	case []any:
		for _, e := range v {
			if contains(e, text) {
				return true
			}
		}
	case map[string]any:
		for _, e := range v {
			if contains(e, text) {
				return true
			}
		}
	}
	return false
}

// TestDocument: the document is what encoding/json would indent.
func TestDocument(t *testing.T) {
	for _, results := range [][]bot.Result{
		{},
		{{Host: "web01", Outcome: bot.OK, Value: map[string]any{"a": []any{1.5, "x"}, "b": map[string]any{}}, Took: time.Second}},
		{{Host: "web01", Outcome: bot.OK, Value: map[string]any{}}, {Host: "web02", Outcome: bot.Unreachable, Why: "offline \u202e"}, {Host: "web03"}},
	} {
		var got strings.Builder
		o := rpcCmd{JSON: true}.output(streams{out: &got}, &directCall{spec: agentapi.Spec(agentapi.DiskUsage), args: map[string]any{"all": true}})
		if err := o.printDocument(results, bot.Count(results)); err != nil {
			t.Fatal(err)
		}
		var doc struct {
			Results []hostResult `json:"results"`
		}
		if err := json.Unmarshal([]byte(got.String()), &doc); err != nil {
			t.Fatalf("%v in\n%s", err, &got)
		}
		if len(doc.Results) != len(results) {
			t.Errorf("%d results, want %d", len(doc.Results), len(results))
		}
		var indented bytes.Buffer
		if err := json.Indent(&indented, []byte(got.String()), "", "  "); err != nil || indented.String() != got.String() {
			t.Errorf("%v\n%s\nwant\n%s", err, &got, &indented)
		}
	}
}
