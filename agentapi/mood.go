package agentapi

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// NSMood is the namespace of what a host agent adds to its presence.
const NSMood = "urn:adminbot:mood:0"

// Moods. Dead is what others see when a host is gone: no agent sends it.
const (
	Happy = "happy" // presence without show
	Sad   = "sad"   // away
	DND   = "dnd"   // dnd: a person or the agent itself asks to be left alone
	Drain = "drain" // away: alive, and to be given no new work
	Dead  = "dead"  // unavailable
)

// Mood is what a host shows on the buddy list and the numbers behind it. It
// travels in presence as <x xmlns='urn:adminbot:mood:0'/>, which others ignore.
type Mood struct {
	Mood     string
	Score    int32 // 0 when nothing is wrong, to 100
	Reasons  []MoodReason
	Since    time.Time // when the mood began
	Sequence int32

	// Numbers at the time; nil where not measured.
	CPUPercent, MemUsedPercent, DiskUsedPercent, Load1 *float64
}

// MoodReason is one thing that is wrong, and how much that weighs.
type MoodReason struct {
	Check  string `rpc:"check"`
	Points int32  `rpc:"points"`
	Text   string `rpc:"text" help:"short: need more CPU"`
}

// Limits of the payload: presence goes to every contact.
const (
	maxReasons    = 8
	maxReasonText = 200
	maxMoodXML    = 8 << 10
)

// Show is the mood's presence show value; empty is available.
func (m Mood) Show() string {
	switch m.Mood {
	case Sad, Drain:
		return "away"
	case DND:
		return "dnd"
	}
	return ""
}

// Status is the mood as a buddy list shows it: "Sad: need more CPU".
func (m Mood) Status() string {
	name := map[string]string{Happy: "Happy", Sad: "Sad", DND: "Do not disturb", Drain: "Draining", Dead: "Dead"}[m.Mood]
	var why []string
	for i, r := range m.Reasons {
		if i == 3 {
			why = append(why, fmt.Sprintf("and %d more", len(m.Reasons)-3))
			break
		}
		why = append(why, r.Text)
	}
	if len(why) == 0 {
		return name
	}
	return name + ": " + strings.Join(why, ", ")
}

// TokenReader gives the payload's tokens, for a presence stanza.
func (m Mood) TokenReader() xml.TokenReader {
	start := xml.StartElement{Name: xml.Name{Space: NSMood, Local: "x"}}
	attr := func(e *xml.StartElement, name, value string) {
		e.Attr = append(e.Attr, xml.Attr{Name: xml.Name{Local: name}, Value: value})
	}
	attr(&start, "mood", m.Mood)
	attr(&start, "score", strconv.Itoa(int(m.Score)))
	attr(&start, "seq", strconv.Itoa(int(m.Sequence)))
	if !m.Since.IsZero() {
		attr(&start, "since", m.Since.UTC().Format(time.RFC3339)) // XEP-0082
	}
	for _, n := range m.numbers() {
		if *n.value != nil {
			attr(&start, n.name, strconv.FormatFloat(math.Round(**n.value*100)/100, 'f', -1, 64))
		}
	}
	tokens := tokenList{start}
	for _, r := range m.Reasons[:min(len(m.Reasons), maxReasons)] {
		e := xml.StartElement{Name: xml.Name{Space: NSMood, Local: "reason"}}
		attr(&e, "check", clean(r.Check, 64))
		attr(&e, "points", strconv.Itoa(int(r.Points)))
		tokens = append(tokens, e, xml.CharData(clean(r.Text, maxReasonText)), e.End())
	}
	tokens = append(tokens, start.End())
	return &tokens
}

type moodNumber struct {
	name  string
	value **float64
}

func (m *Mood) numbers() []moodNumber {
	return []moodNumber{
		{"cpu_percent", &m.CPUPercent}, {"mem_used_percent", &m.MemUsedPercent},
		{"disk_used_percent", &m.DiskUsedPercent}, {"load1", &m.Load1},
	}
}

// MarshalXML writes the payload.
func (m Mood) MarshalXML(e *xml.Encoder, _ xml.StartElement) error {
	for r := m.TokenReader(); ; {
		t, err := r.Token()
		if errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		// The children inherit the namespace: written out, each would repeat it.
		switch el := t.(type) {
		case xml.StartElement:
			if el.Name.Local != "x" {
				el.Name.Space = ""
				t = el
			}
		case xml.EndElement:
			if el.Name.Local != "x" {
				el.Name.Space = ""
				t = el
			}
		}
		if err := e.EncodeToken(t); err != nil {
			return err
		}
	}
}

// ErrNotMood means that what was read is no mood payload, or an impossible one.
var ErrNotMood = errors.New("agentapi: not a mood")

// DecodeMood reads one payload, beginning with its start element. Unknown
// attributes and children are ignored; unknown moods are an error. It reads
// tokens, so that it can be given a stanza's: nothing in it is trusted.
func DecodeMood(r xml.TokenReader) (Mood, error) {
	var m Mood
	t, err := r.Token()
	start, ok := t.(xml.StartElement)
	if !ok {
		return m, errors.Join(ErrNotMood, err)
	}
	if start.Name != (xml.Name{Space: NSMood, Local: "x"}) {
		return m, fmt.Errorf("%w: <%s xmlns=%q>", ErrNotMood, start.Name.Local, start.Name.Space)
	}
	if err := m.attrs(start.Attr); err != nil {
		return Mood{}, err
	}
	return m, m.children(r)
}

func (m *Mood) attrs(attrs []xml.Attr) error {
	numbers := m.numbers()
	for _, a := range attrs {
		var err error
		switch a.Name.Local {
		case "mood":
			m.Mood = a.Value
		case "score":
			m.Score, err = parseInt32(a.Value)
		case "seq":
			m.Sequence, err = parseInt32(a.Value)
		case "since":
			m.Since, err = time.Parse(time.RFC3339, a.Value)
		default:
			for _, n := range numbers {
				if n.name == a.Name.Local {
					var f float64
					if f, err = strconv.ParseFloat(a.Value, 64); err == nil && !math.IsNaN(f) && !math.IsInf(f, 0) {
						*n.value = &f
					}
				}
			}
		}
		if err != nil {
			return fmt.Errorf("%w: %s: %v", ErrNotMood, a.Name.Local, err)
		}
	}
	switch m.Mood {
	case Happy, Sad, DND, Drain, Dead:
		return nil
	}
	return fmt.Errorf("%w: mood %q", ErrNotMood, clean(m.Mood, 40))
}

// children reads reasons up to the payload's end.
func (m *Mood) children(r xml.TokenReader) error {
	var reason *MoodReason
	var text strings.Builder
	for depth, size := 1, 0; depth > 0; {
		t, err := r.Token()
		switch el := t.(type) {
		case xml.StartElement:
			depth++
			if depth == 2 && el.Name.Local == "reason" && len(m.Reasons) < maxReasons {
				reason = &MoodReason{}
				for _, a := range el.Attr {
					switch a.Name.Local {
					case "check":
						reason.Check = clean(a.Value, 64)
					case "points":
						reason.Points, _ = parseInt32(a.Value)
					}
				}
			}
		case xml.EndElement:
			depth--
			if depth == 1 && reason != nil {
				reason.Text = clean(text.String(), maxReasonText)
				m.Reasons = append(m.Reasons, *reason)
				reason = nil
				text.Reset()
			}
		case xml.CharData:
			if size += len(el); size > maxMoodXML {
				return fmt.Errorf("%w: it is longer than %d bytes", ErrNotMood, maxMoodXML)
			}
			if reason != nil && depth == 2 {
				text.Write(el)
			}
		}
		if err != nil && depth > 0 {
			return fmt.Errorf("%w: it ends early: %w", ErrNotMood, err)
		}
	}
	return nil
}

// UnmarshalXML reads the payload.
func (m *Mood) UnmarshalXML(d *xml.Decoder, start xml.StartElement) error {
	if start.Name != (xml.Name{Space: NSMood, Local: "x"}) {
		return fmt.Errorf("%w: <%s xmlns=%q>", ErrNotMood, start.Name.Local, start.Name.Space)
	}
	*m = Mood{}
	if err := m.attrs(start.Attr); err != nil {
		return err
	}
	return m.children(d)
}

func parseInt32(s string) (int32, error) {
	n, err := strconv.ParseInt(s, 10, 32)
	return int32(n), err
}

// clean makes s valid XML 1.0 text of one line of at most n bytes, in which
// nothing commands a terminal or turns the direction of what follows.
func clean(s string, n int) string {
	s = strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		switch {
		case r == 0xFFFD, r == 0xFFFE, r == 0xFFFF, unicode.IsControl(r), unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp):
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, " "))), " ")
	if len(s) <= n {
		return s
	}
	s = strings.ToValidUTF8(s[:n-len("…")], "")
	return s + "…"
}

// tokenList is an xml.TokenReader over tokens in memory.
type tokenList []xml.Token

func (l *tokenList) Token() (xml.Token, error) {
	if len(*l) == 0 {
		return nil, io.EOF
	}
	t := (*l)[0]
	*l = (*l)[1:]
	return t, nil
}

// String is the payload as XML, for logs and tests.
func (m Mood) String() string {
	var b bytes.Buffer
	e := xml.NewEncoder(&b)
	if err := m.MarshalXML(e, xml.StartElement{}); err != nil {
		return err.Error()
	}
	if err := e.Flush(); err != nil {
		return err.Error()
	}
	return b.String()
}
