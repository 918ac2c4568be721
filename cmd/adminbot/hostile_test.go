//go:build !unit

package main

import (
	"cmp"
	"encoding/xml"
	"html"
	"regexp"
	"strings"
	"testing"

	"adminbot/internal/servertest"
)

// An attack is what an intruder sends after its login, and what it sees of it;
// see outcome.
type attack struct {
	name  string
	scope string // attributes for the header of its stream
	send  string

	sees                        string // on every server, but for those below
	embedded, prosody, ejabberd string
}

func (a attack) want(kind string) string {
	own := map[string]string{"embedded": a.embedded, "prosody": a.prosody, "ejabberd": a.ejabberd}
	return cmp.Or(own[kind], a.sees, "silence")
}

// outcome is what an intruder saw: silence, the condition of the error it was
// answered with, result, failure, or the condition of the stream error that ended its
// stream.
func outcome(came []string, err error) string {
	last := ""
	for _, e := range came {
		switch {
		case strings.HasPrefix(e, "<presence"):
			continue
		case strings.Contains(e, "urn:ietf:params:xml:ns:xmpp-streams"):
			return "ends: " + conditionIn(e)
		case strings.HasPrefix(e, "<stream:error"):
			return "ends: " + conditionIn(e)
		case strings.Contains(e, "urn:ietf:params:xml:ns:xmpp-stanzas"):
			last = "error: " + conditionIn(e)
		case strings.HasPrefix(e, "<iq"):
			last = "result"
		case strings.HasPrefix(e, "<failure"):
			last = "failure"
		case strings.HasPrefix(e, "<message"):
			last, _, _ = strings.Cut("says: "+bodyOf(e), "\n")
		default:
			last = e
		}
	}
	if err != nil {
		return "ends"
	}
	if last == "" {
		return "silence"
	}
	return last
}

var conditionOf = regexp.MustCompile(`<([a-z-]+)[^<>]*xmlns=['"]urn:ietf:params:xml:ns:xmpp-(?:stanzas|streams)['"]`)

func conditionIn(element string) string {
	m := conditionOf.FindStringSubmatch(element)
	if m == nil {
		return element
	}
	return m[1]
}

func escapeXML(s string) string {
	var b strings.Builder
	xml.EscapeText(&b, []byte(s))
	return b.String()
}

func unescapeXML(s string) string { return html.UnescapeString(s) }

// TestHostile lets intruders into three servers and has them do their worst to
// an installation.
func TestHostile(t *testing.T) {
	t.Parallel()
	servertest.Each(t, groundOptions, func(t *testing.T, srv *servertest.Server) {
		t.Parallel()
		site := newGround(t, srv).install(t)
		for _, part := range []struct {
			name   string
			attack func(*testing.T, *installation)
		}{
			{"nothing", func(t *testing.T, site *installation) { site.holds(t) }},
			{"stanzas", hostileStanzas}, {"component", hostileComponent}, {"floods", hostileFloods}, {"hosts", hostileHosts},
			{"answers", hostileAnswers}, {"presence", hostilePresence}, {"terminal", hostileTerminal}, {"names", hostileNames},
		} {
			t.Run(part.name, func(t *testing.T) {
				part.attack(t, site)
				site.recordsHold(t)
			})
		}
	})
}
