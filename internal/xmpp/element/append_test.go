package element_test

import (
	"encoding/xml"
	"testing"

	"github.com/google/go-cmp/cmp"

	"adminbot/internal/xmpp/element"
)

func TestAppend(t *testing.T) {
	for _, tt := range []struct{ name, doc, want string }{
		{"its namespace", `<a xmlns='u'><b/></a>`, `<a xmlns='u'><b/></a>`},
		{"the one around it", `<a xmlns='around'><b xmlns='u'/><c/></a>`, `<a><b xmlns='u'/><c/></a>`},
		{"none", `<a xmlns='u'><b xmlns=''><c xmlns='u'/></b></a>`, `<a xmlns='u'><b xmlns=''><c xmlns='u'/></b></a>`},
		{"prefixes", `<p:a xmlns:p='u' p:x='1' y='2' xml:lang='en'/>`, `<a xmlns='u' xmlns:n0='u' n0:x='1' y='2' xml:lang='en'/>`},
		{"signs", "<a xmlns='u' b='&#10;&quot;&apos;&lt;&gt;&amp;'>&#13;\n&lt;</a>", "<a xmlns='u' b='&#xa;&quot;&apos;&lt;&gt;&amp;'>&#xd;&#xa;&lt;</a>"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e, err := element.Read(decoder(tt.doc))
			if err != nil {
				t.Fatal(err)
			}
			if got := string(e.Append(nil, "around")); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

// FuzzAppend checks that what is written is read again as the same.
func FuzzAppend(f *testing.F) {
	f.Add(`<a xmlns='u' xml:lang='en' b='&#10;"'>x<b xmlns='' xmlns:p='v' p:c='1'>&#13;</b></a>`)
	f.Fuzz(func(t *testing.T, doc string) {
		e, err := element.Read(decoder(doc))
		if err != nil || !plainNames(e) {
			return
		}
		b := e.Append([]byte("<s xmlns='around'>"), "around")
		s, err := element.Read(decoder(string(append(b, "</s>"...))))
		if err != nil || len(s.Children) != 1 {
			t.Fatalf("%s: %v", b, err)
		}
		if d := cmp.Diff(e, s.Children[0]); d != "" {
			t.Errorf("%s: -want +got\n%s", b, d)
		}
	})
}

// plainNames reports whether namespaces are ones that a scanner lets through,
// and all are declared: encoding/xml takes more than it should.
func plainNames(e *element.Element) bool {
	ok := func(n xml.Name) bool {
		for _, c := range n.Space + n.Local {
			if !(c >= 'a' && c <= 'z' || c == ':' || c == '/') {
				return false
			}
		}
		return n.Space != "xmlns" && n.Local != "xmlns"
	}
	for _, a := range e.Attr {
		if a.Name.Space != "http://www.w3.org/XML/1998/namespace" && !ok(a.Name) {
			return false
		}
	}
	for _, c := range e.Children {
		if !plainNames(c) {
			return false
		}
	}
	return ok(e.Name)
}
