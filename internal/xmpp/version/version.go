// Package version holds the payload of XEP-0092: Software Version.
package version

import "adminbot/internal/xmpp/element"

// NS is the namespace of a version query.
const NS = "jabber:iq:version"

// Info is what an entity says of the software it runs.
type Info struct {
	Name    string // of the software
	Version string
	OS      string // empty: not told
}

// Element returns the answer; of the zero Info, the query.
func (i Info) Element() *element.Element {
	return element.New(NS, "query").AddText("name", i.Name).AddText("version", i.Version).AddText("os", i.OS)
}

// Parse reads an answer.
func Parse(query *element.Element) Info {
	return Info{Name: query.ChildText("name"), Version: query.ChildText("version"), OS: query.ChildText("os")}
}
