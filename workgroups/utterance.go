package workgroups

import (
	"regexp"
	"strconv"
	"strings"

	"adminbot/internal/xmpp/element"
	"adminbot/internal/xmpp/muc"
	"adminbot/internal/xmpp/reply"
)

// utterance is what of a message matters.
type utterance struct {
	said     said // zero: nothing
	late     bool // it has been kept for us
	reaction bool // it was no words
	aside    bool // it was said by a room, or to one occupant of it
}

// readUtterance reads a message's children. Which alert is meant can be said in words,
// or by answering a message about it: their ids name it, so nothing has to be
// remembered (XEP-0461, XEP-0444).
func readUtterance(children []*element.Element) (h utterance) {
	body, has := "", false
	for _, c := range children {
		switch {
		case c.Name.Space == muc.NSUser:
			return utterance{aside: true}
		case c.Name.Local == "body" && c.Name.Space != NS:
			body, has = c.Text, true
		case c.Name.Space == "urn:xmpp:delay":
			h.late = true
		}
	}
	if all, to := reply.Reactions(children); to != "" {
		h.reaction = true
		h.said = readReactions(all, to)
		return h
	}
	if !has {
		return h
	}
	text, quoted := reply.Unquote(reply.Body(body, children))
	about, _ := parseStanzaID(reply.To(children))
	if m := quotedAlert.FindStringSubmatch(quoted); about == 0 && m != nil {
		about, _ = strconv.ParseInt(m[1], 10, 64) // digits only
	}
	if text = strings.TrimSpace(text); text != "" {
		h.said = readChat(text).of(about)
	}
	return h
}

// quotedAlert is how what people are told of an alert begins.
var quotedAlert = regexp.MustCompile(`^Alert ([1-9][0-9]{0,8})\b`)

// of is what is said when it answers a message about an alert. A number that is
// said must not be another one: it may be meant as part of a note.
func (v said) of(about int64) said {
	switch {
	case about == 0:
	case v.id == 0:
		v.id = about
	case v.id != about:
		v.other = about
	}
	return v
}

// reactions are what people feel about an offer, as a verb, the most decided
// first: clients send all reactions whenever one is added.
var reactions = []struct{ emoji, verb string }{
	{"✅", "resolve"}, {"✔", "resolve"}, {"☑", "resolve"},
	{"👎", "pass"},
	{"👍", "take"},
}

// readReactions reads reactions to a message. Others than those above say nothing,
// nor does taking one back: what was done stays done.
func readReactions(all []string, to string) said {
	alert, ok := parseStanzaID(to)
	if !ok {
		return said{}
	}
	for _, r := range reactions {
		for _, felt := range all {
			if felt == r.emoji {
				return said{verb: r.verb, id: alert}
			}
		}
	}
	return said{}
}
