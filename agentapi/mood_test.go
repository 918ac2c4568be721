package agentapi

import (
	"encoding/xml"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestMoodRoundTrip(t *testing.T) {
	cpu, load := 97.5, 12.25
	tests := []struct {
		name, xml string
		mood      Mood
	}{
		{"happy", `<x xmlns="urn:adminbot:mood:0" mood="happy" score="0" seq="0"></x>`, Mood{Mood: Happy}},
		{"sad", `<x xmlns="urn:adminbot:mood:0" mood="sad" score="62" seq="4" since="2026-11-20T14:00:00Z" cpu_percent="97.5" load1="12.25">` +
			`<reason check="cpu" points="40">need more CPU</reason><reason check="disk" points="22">/ is 95% full &amp; growing</reason></x>`,
			Mood{Mood: Sad, Score: 62, Sequence: 4, Since: time.Date(2026, 11, 20, 14, 0, 0, 0, time.UTC), CPUPercent: &cpu, Load1: &load,
				Reasons: []MoodReason{{"cpu", 40, "need more CPU"}, {"disk", 22, "/ is 95% full & growing"}}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.mood.String(); got != tt.xml {
				t.Errorf("written:\n got %s\nwant %s", got, tt.xml)
			}
			for name, read := range map[string]func() (Mood, error){
				"tokens":    func() (Mood, error) { return DecodeMood(tt.mood.TokenReader()) },
				"decoder":   func() (Mood, error) { return DecodeMood(xml.NewDecoder(strings.NewReader(tt.xml))) },
				"unmarshal": func() (m Mood, err error) { err = xml.Unmarshal([]byte(tt.xml), &m); return m, err },
			} {
				got, err := read()
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				if d := cmp.Diff(tt.mood, got); d != "" {
					t.Errorf("%s: -want +got:\n%s", name, d)
				}
			}
		})
	}
}

func TestMoodOnTheBuddyList(t *testing.T) {
	why := []MoodReason{{"a", 1, "need more CPU"}, {"b", 1, "/ is 95% full"}, {"c", 1, "nginx failed"}, {"d", 1, "x"}, {"e", 1, "y"}}
	tests := []struct {
		mood         Mood
		show, status string
	}{
		{Mood{Mood: Happy}, "", "Happy"},
		{Mood{Mood: Sad, Reasons: why[:1]}, "away", "Sad: need more CPU"},
		{Mood{Mood: Sad, Reasons: why}, "away", "Sad: need more CPU, / is 95% full, nginx failed, and 2 more"},
		{Mood{Mood: DND, Reasons: []MoodReason{{"", 0, "moving racks"}}}, "dnd", "Do not disturb: moving racks"},
		{Mood{Mood: Drain}, "away", "Draining"},
	}
	for _, tt := range tests {
		if tt.mood.Show() != tt.show || tt.mood.Status() != tt.status {
			t.Errorf("%+v shows %q %q, want %q %q", tt.mood, tt.mood.Show(), tt.mood.Status(), tt.show, tt.status)
		}
	}
}

func TestMoodRefused(t *testing.T) {
	for name, text := range map[string]string{
		"another element":   `<y xmlns="urn:adminbot:mood:0" mood="happy"/>`,
		"another namespace": `<x xmlns="urn:adminbot:mood:1" mood="happy"/>`,
		"no mood":           `<x xmlns="urn:adminbot:mood:0"/>`,
		"no such mood":      `<x xmlns="urn:adminbot:mood:0" mood="ecstatic"/>`,
		"a wrong number":    `<x xmlns="urn:adminbot:mood:0" mood="sad" score="very"/>`,
		"cut off":           `<x xmlns="urn:adminbot:mood:0" mood="sad"><reason>`,
		"endless":           `<x xmlns="urn:adminbot:mood:0" mood="sad"><reason>` + strings.Repeat("x", maxMoodXML+1) + `</reason></x>`,
		"text":              `hello`,
		"nothing":           ``,
	} {
		if m, err := DecodeMood(xml.NewDecoder(strings.NewReader(text))); !errors.Is(err, ErrNotMood) {
			t.Errorf("%s: %+v, %v", name, m, err)
		}
	}
}

// TestMoodIsOneLine: reasons are shown beside others, one host a line.
func TestMoodIsOneLine(t *testing.T) {
	const text = `<x xmlns="urn:adminbot:mood:0" mood="sad"><reason check="c&#x9b;31m&#x200b;" points="1">ok&#10;web02&#13;&#x9d;0;x&#x7f;&#x202e;&#x2066;&#x2028;y</reason><reason check="d" points="1">`
	m, err := DecodeMood(xml.NewDecoder(strings.NewReader(text + strings.Repeat("ä", 300) + `</reason></x>`)))
	if err != nil {
		t.Fatal(err)
	}
	if r := m.Reasons[0]; r.Check != "c 31m" || r.Text != "ok web02 0;x y" {
		t.Errorf("%q", m.Reasons[0])
	}
	if got := m.Reasons[1].Text; len(got) > maxReasonText || !strings.HasSuffix(got, "ä…") {
		t.Errorf("%d bytes: %q", len(got), got)
	}
}

// What comes in presence comes from others: reading it must be safe, and what
// was read must be writable and read the same again.
func FuzzDecodeMood(f *testing.F) {
	f.Add(`<x xmlns="urn:adminbot:mood:0" mood="sad" score="62" seq="4" since="2026-11-20T14:00:00Z" cpu_percent="97.5"><reason check="cpu" points="40">need more CPU</reason></x>`)
	f.Add(`<x xmlns="urn:adminbot:mood:0" mood="happy"><y><reason/></y></x>`)
	f.Fuzz(func(t *testing.T, text string) {
		m, err := DecodeMood(xml.NewDecoder(strings.NewReader(text)))
		if err != nil {
			return
		}
		if len(m.Reasons) > maxReasons {
			t.Errorf("%d reasons", len(m.Reasons))
		}
		again, err := DecodeMood(xml.NewDecoder(strings.NewReader(m.String())))
		if err != nil || again.String() != m.String() {
			t.Errorf("%s came back as %s: %v", m, again, err)
		}
	})
}

func TestFeatures(t *testing.T) {
	want := []string{"http://jabber.org/protocol/shim", "jabber:iq:rpc", "urn:adminbot:mood:0"}
	if d := cmp.Diff(want, Features(false)); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if f := Features(true); len(f) != 4 || !strings.Contains(f[2], "alertpublisher") {
		t.Errorf("a publisher's features are %q", f)
	}
	if id := AgentIdentity(); id.Category != "automation" || id.Type != "rpc" {
		t.Errorf("%+v", id)
	}
}
