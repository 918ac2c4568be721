// Package reply reads answers to messages: XEP-0461 Message Replies, XEP-0444
// Message Reactions, and what they carry for clients that know neither, XEP-0428
// Fallback Indication.
package reply

import (
	"strconv"
	"strings"

	"adminbot/internal/xmpp/element"
)

// Namespaces.
const (
	NS          = "urn:xmpp:reply:0"
	NSReactions = "urn:xmpp:reactions:0"
	NSFallback  = "urn:xmpp:fallback:0"
)

// maxParts bounds the parts of a body, and the reactions, that are looked at.
const maxParts = 8

// To returns the id of the message that is answered; empty: it is no reply.
func To(children []*element.Element) string {
	for _, e := range children {
		if e.Name.Space == NS && e.Name.Local == "reply" {
			return e.Get("id")
		}
	}
	return ""
}

// Reactions returns all that somebody feels about a message, and its id; empty: it
// is no reaction. None at all means that what was felt before is taken back.
func Reactions(children []*element.Element) (all []string, id string) {
	for _, e := range children {
		if e.Name.Space != NSReactions || e.Name.Local != "reactions" {
			continue
		}
		for _, r := range e.Children {
			if r.Name.Local == "reaction" && len(all) < maxParts {
				all = append(all, Plain(r.Text))
			}
		}
		return all, e.Get("id")
	}
	return nil, ""
}

// Plain is a reaction without what changes only its looks: skin tones, and whether
// it is drawn as text.
func Plain(reaction string) string {
	return strings.Map(func(r rune) rune {
		if r >= 0x1F3FB && r <= 0x1F3FF || r == 0xFE0E || r == 0xFE0F {
			return -1
		}
		return r
	}, strings.TrimSpace(reaction))
}

// A Part is a part of a body, in characters (XEP-0426).
type Part struct{ Start, End int }

// Whole is the part that is all of a body.
var Whole = Part{0, 1 << 30}

// ParsePart reads the limits of a part; ok is false for what is none.
func ParsePart(start, end string) (p Part, ok bool) {
	if start == "" && end == "" {
		return Whole, true
	}
	var err1, err2 error
	p.Start, err1 = strconv.Atoi(start)
	p.End, err2 = strconv.Atoi(end)
	return p, err1 == nil && err2 == nil && p.Start >= 0 && p.End > p.Start
}

// Cut returns a body without some of its parts.
func Cut(body string, parts []Part) string {
	if len(parts) == 0 {
		return body
	}
	var b strings.Builder
	at := 0
characters:
	for _, r := range body {
		at++
		for _, p := range parts {
			if at-1 >= p.Start && at-1 < p.End {
				continue characters
			}
		}
		b.WriteRune(r)
	}
	return b.String()
}

// Body returns a body without what is there for clients that do not know replies.
func Body(body string, children []*element.Element) string {
	var parts []Part
	for _, e := range children {
		if e.Name.Space != NSFallback || e.Name.Local != "fallback" || e.Get("for") != NS && e.Get("for") != NSReactions {
			continue
		}
		if len(e.Children) == 0 {
			parts = append(parts, Whole)
		}
		for _, c := range e.Children {
			if p, ok := ParsePart(c.Get("start"), c.Get("end")); ok && c.Name.Local == "body" && len(parts) < maxParts {
				parts = append(parts, p)
			}
		}
	}
	return Cut(body, parts)
}

// Unquote returns a text without the lines of a quotation that it begins with, and
// that quotation: what clients do that mark nothing.
func Unquote(text string) (own, quoted string) {
	lines := strings.SplitAfter(text, "\n")
	n := 0
	for n < len(lines) && strings.HasPrefix(lines[n], ">") {
		quoted += strings.TrimPrefix(strings.TrimPrefix(lines[n], ">"), " ")
		n++
	}
	return strings.Join(lines[n:], ""), quoted
}
