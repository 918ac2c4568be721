// Package example compares stanzas with those that specifications print. It is for
// tests.
package example

import (
	"encoding/xml"
	"fmt"
	"os"
	"strings"
	"testing"

	"adminbot/internal/xmpp/element"
)

// Read reads a file that holds one element; old and new are texts to replace.
func Read(t testing.TB, path string, oldnew ...string) *element.Element {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	e, err := element.Read(xml.NewDecoder(strings.NewReader(strings.NewReplacer(oldnew...).Replace(string(text)))))
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return e
}

// Missing says what of want is missing in got, "" if nothing is: an attribute, a child or its text.
// Ids and names for people are different, and so are the placeholders that the
// XEP prints for values.
func Missing(got, want *element.Element) string {
	if got.Name.Local != want.Name.Local || stanzaSpace(got) != stanzaSpace(want) {
		return fmt.Sprintf("<%s xmlns=%s>, want <%s xmlns=%s>", got.Name.Local, got.Name.Space, want.Name.Local, want.Name.Space)
	}
	for _, a := range want.Attr {
		named := a.Name.Local == "name" && want.Name.Local != "value" || a.Name.Local == "label"
		if a.Name.Local != "id" && !(a.Name.Local == "code" && want.Name.Local == "error") && !named && got.Get(a.Name.Local) != a.Value {
			return fmt.Sprintf("<%s> has %s=%q, want %q", got.Name.Local, a.Name.Local, got.Get(a.Name.Local), a.Value)
		}
	}
	if text := strings.TrimSpace(want.Text); text != "" && !placeholder(want) && strings.TrimSpace(got.Text) != text {
		return fmt.Sprintf("<%s> says %q, want %q", got.Name.Local, got.Text, text)
	}
children:
	for _, c := range want.Children {
		why := fmt.Sprintf("<%s> has no <%s>", got.Name.Local, c.Name.Local)
		for _, mine := range got.Children {
			missing := Missing(mine, c)
			if missing == "" {
				continue children
			}
			if mine.Name == c.Name {
				why = missing
			}
		}
		return why
	}
	return ""
}

func stanzaSpace(e *element.Element) string {
	if e.Name.Space == "jabber:client" {
		return ""
	}
	return e.Name.Space
}

// placeholder: numbers and times are what they are, reasons and names free text.
func placeholder(e *element.Element) bool {
	switch e.Name.Local {
	case "count", "oldest", "time", "position", "join-time", "available", "current-chats", "max-chats", "timeout",
		"reason", "body", "name", "value", "status", "question", "lastModified":
		return true
	}
	return false
}
