package xmppd

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
)

// An oracle is expat in a python process that runs as long as the tests.
type oracle struct {
	mu  sync.Mutex
	in  io.WriteCloser
	out *bufio.Reader
}

var expat = sync.OnceValues(func() (*oracle, error) {
	cmd := exec.Command(python, "testdata/expat.py")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	// It ends when its input does, with this process.
	return &oracle{in: in, out: bufio.NewReader(out)}, nil
})

// ask returns for each document what it says.
func (o *oracle) ask(t testing.TB, docs ...[]byte) []string {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	failed := make(chan error, 1)
	go func() {
		var b []byte
		for _, d := range docs {
			b = binary.BigEndian.AppendUint32(b, uint32(len(d)))
			b = append(b, d...)
		}
		_, err := o.in.Write(b)
		failed <- err
	}()
	answers := make([]string, len(docs))
	for i := range docs {
		line, err := o.out.ReadString('\n')
		if err != nil {
			t.Fatalf("expat ended: %v", err)
		}
		answers[i] = strings.TrimSuffix(line, "\n")
	}
	if err := <-failed; err != nil {
		t.Fatal(err)
	}
	return answers
}

// python is Debian's interpreter, which sees Debian's packages.
const python = "/usr/bin/python3"

// needExpat returns nil with -short, when everything is done with Go alone.
func needExpat(t testing.TB) *oracle {
	t.Helper()
	if testing.Short() {
		return nil
	}
	o, err := expat()
	if err != nil {
		t.Fatalf("no expat (apt-get install python3): %v", err)
	}
	return o
}

// wrapped puts an element into a document as a recipient's parser sees it,
// with another stream prefix than the sender's.
func wrapped(ns string, raw []byte) []byte {
	return []byte("<s:x xmlns:s='http://etherx.jabber.org/streams' xmlns='" + ns + "'>" + string(raw) + "</s:x>")
}

// goTakes reports whether encoding/xml takes a document with one element
// inside its root, and returns the names of the elements inside that.
func goTakes(doc []byte) (names string, err error) {
	d := xml.NewDecoder(bytes.NewReader(doc))
	depth, tops := 0, 0
	out := "+ "
	for {
		tok, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			return "", err
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			if depth == 1 {
				tops++
			}
			if depth == 2 {
				if out != "+ " {
					out += " "
				}
				if tok.Name.Space != "" {
					out += tok.Name.Space + "}"
				}
				out += tok.Name.Local
			}
			depth++
		case xml.EndElement:
			depth--
		}
	}
	if tops != 1 {
		return "", fmt.Errorf("%d elements", tops)
	}
	return out, nil
}

// kidNames returns the same from our Stanza.
func kidNames(st *Stanza, ns string) string {
	out := "+ "
	for i := range st.kids {
		k := &st.kids[i]
		if i > 0 {
			out += " "
		}
		space := ns
		if k.other {
			space = string(unescape(k.ns.of(st.raw)))
		}
		if space != "" {
			out += space + "}"
		}
		out += string(k.name.of(st.raw))
	}
	return out
}

// views returns a stanza as its recipients get it.
func views(st *Stanza) (client, component []byte) {
	se := &session{kind: clientConn}
	in := &inbound{s: se, st: st, from: attribute("from", "me@example.org/<'&\">")}
	return bytes.Join(in.pieces(nil, false, in.from, nil), nil), bytes.Join(in.pieces(nil, true, in.from, nil), nil)
}

// stricter are the reasons for which we refuse what both others take.
var stricter = map[string]bool{
	"a prefix that is not declared inside the stanza": true,
	"the prefix xml declared again":                   true,
	"a namespace that is no URI":                      true,
	"comment or document type":                        true,
	"processing instruction":                          true,
	"a name outside ASCII":                            true,
	"elements too deep inside each other":             true,
	"too many attributes":                             true,
	"too many namespace declarations":                 true,
	"the element is too long":                         true,
	"text between elements":                           true,
	badRef:                                            true, // a long one
}

// compare scans the first element in b and checks what we think of it, and of
// what becomes of it on the way, against expat and encoding/xml.
func compare(t testing.TB, o *oracle, inputs ...[]byte) (accepted int) {
	t.Helper()
	var docs [][]byte
	type expected struct {
		input []byte
		what  string
		want  string // "" if it must only be taken
	}
	var wants []expected
	for _, b := range inputs {
		st, err := scanOne(t, b, len(b))
		st2, err2 := scanOne(t, b, 3)
		if (err == nil) != (err2 == nil) || err == nil && !bytes.Equal(st.raw, st2.raw) {
			t.Fatalf("%q: whole %v, in pieces %v", b, err, err2)
		}
		if err != nil {
			var se *ScanError
			doc := wrapped(NSClient, b)
			if errors.As(err, &se) && !stricter[se.Reason] {
				if _, err := goTakes(doc); err == nil {
					docs = append(docs, doc)
					wants = append(wants, expected{b, "refused by us: " + se.Reason, "-"})
				}
			}
			continue
		}
		accepted++
		want := ""
		if st.Kind != Stream && st.Kind != Prefixed && st.nkids == len(st.kids) {
			want = kidNames(st, NSClient)
		}
		if st.Kind == Stream {
			continue
		}
		client, component := views(st)
		for _, v := range []struct {
			what, ns string
			raw      []byte
		}{{"as read", NSClient, st.raw}, {"for clients", NSClient, client}, {"for components", NSComponent, component}} {
			doc := wrapped(v.ns, v.raw)
			names, err := goTakes(doc)
			w := want
			if v.ns == NSComponent {
				w = ""
			}
			if err != nil || w != "" && names != w {
				t.Fatalf("%q, %s: encoding/xml says %q, %v; we say %q", b, v.what, names, err, w)
			}
			docs = append(docs, doc)
			wants = append(wants, expected{b, v.what, w})
		}
	}
	if o == nil {
		return accepted
	}
	for i, got := range o.ask(t, docs...) {
		w := wants[i]
		switch {
		case w.want == "-":
			if got[0] == '+' {
				t.Fatalf("%q: %s, but both take it", w.input, w.what)
			}
		case got[0] == '-' || w.want != "" && got != w.want:
			t.Fatalf("%q, %s: expat says %q, we say %q", w.input, w.what, got, w.want)
		}
	}
	return accepted
}

// Pieces that stanzas of the property test are made of.
var scraps = []string{
	"<a", "<message", "<p:a", "<xml:a", "<xmlns:a", "</a>", "</message>", "</p:a>", "</a >", "/>", ">", " ", "\n", "\r",
	" b='1'", " b=\"2\"", " c = '3'", " p:b='4'", " q:b='5'", " xml:lang='en'", " xml:b=''", " xmlns='u'", " xmlns=''", " xmlns:p='u'",
	" xmlns:q='u'", " xmlns:p='v'", " xmlns:q='&#117;'", " xmlns:p=''", " xmlns:xml='u'", " xmlns='jabber:client'", " xmlns='jabber:component:accept'",
	" xmlns:c='jabber:client'", " from='x'", " to='y'", " xmlns:xmlns='u'", " xmlns:p='a}b'", " xmlns:p='a b'", " é='1'",
	"text", "é", "😀", "]]>", "]]", "]", "&amp;", "&lt;", "&#65;", "&#x10FFFF;", "&#xD800;", "&#0;", "&#13;", "&#xFFFF;", "&nbsp;", "&", "&#x110000;",
	"<![CDATA[", "<!--", "-->", "<?x?>", "<!DOCTYPE a>", "\x00", "\x01", "\x7f", "\u0085", "\ufffe", "\ufeff", "\xff", "\xc3", "\xed\xa0\x80", "'", "\"", "=", "<", "/", ":", "a:b",
}

var seeds = []string{
	"<message to='a@b/c' type='chat' id='1'><body>hello</body></message>",
	"<message xmlns='jabber:client' from='x'><body xmlns='jabber:client'>hi</body><x xmlns='u'><y xmlns='jabber:client'/></x></message>",
	"<iq type='set' id=\"a'b\" to='web01@example.org/agent'><query xmlns='jabber:iq:rpc'><methodCall><methodName>disk.usage</methodName></methodCall></query></iq>",
	"<presence><show>away</show><status>Sad: need more CPU</status><priority>5</priority><x xmlns='urn:adminbot:mood:0' cpu='99'/></presence>",
	"<iq id='1'><p:a xmlns:p='u' p:b='1' b='2'><p:c/><![CDATA[<&]]></p:a></iq>",
	"<message><body>a&amp;b&#10;&#x41; é 😀 ]] &gt;</body></message>",
	"<message xmlns:q='v'><q:a xmlns:p='u' p:x='1' q:x='2'/></message>",
}

// grown returns a random element that is well-formed.
func grown(r *rand.Rand, b []byte, depth int, prefixes string) []byte {
	names := []string{"a", "message", "iq", "body", "x.y-z_1"}
	name := names[r.IntN(len(names))]
	var decl []byte
	for _, p := range []string{"p", "q"} {
		if r.IntN(4) == 0 {
			decl = append(decl, " xmlns:"+p+"='u"+p+"'"...)
			if !strings.Contains(prefixes, p) {
				prefixes += p
			}
		}
	}
	switch r.IntN(8) {
	case 0:
		decl = append(decl, ` xmlns = "urn:x:0?a=1&amp;b#c"`...)
	case 1:
		decl = append(decl, " xmlns='jabber:client'"...)
	case 2:
		decl = append(decl, " xmlns=''"...)
	}
	if prefixes != "" && depth > 0 && r.IntN(3) == 0 {
		name = prefixes[:1] + ":" + name
	}
	values := []string{"", "1", "&lt;&#x41;", "é 😀", ">\"", "a\tb\nc"}
	for _, a := range []string{"to", "from", "b", "c"} {
		if r.IntN(4) == 0 {
			if prefixes != "" && r.IntN(3) == 0 {
				a = prefixes[len(prefixes)-1:] + ":" + a
			}
			decl = append(decl, " "+a+"='"+values[r.IntN(len(values))]+"'"...)
		}
	}
	b = append(b, "<"+name...)
	b = append(b, decl...)
	if r.IntN(4) == 0 {
		return append(b, " />"...)
	}
	b = append(b, '>')
	texts := []string{"x", "&amp;", "é😀", "]] >", "<![CDATA[<a>&]]]>", "\r\n\t", "&#10;", ">"}
	for range r.IntN(4) {
		if depth < 5 && r.IntN(2) == 0 {
			b = grown(r, b, depth+1, prefixes)
		} else {
			b = append(b, texts[r.IntN(len(texts))]...)
		}
	}
	return append(b, "</"+name+"\n>"...)
}

func TestScannerAgainstOthers(t *testing.T) {
	o := needExpat(t)
	r := rand.New(rand.NewPCG(1, 2))
	n := 40000
	if testing.Short() {
		n = 4000
	}
	accepted := 0
	var batch [][]byte
	for i := range n {
		var b []byte
		if i%4 == 0 {
			b = append(b, "<a"...)
			for range 1 + r.IntN(12) {
				b = append(b, scraps[r.IntN(len(scraps))]...)
			}
		} else {
			changes := 1 + r.IntN(3)
			switch i % 4 {
			case 1:
				b = append(b, seeds[r.IntN(len(seeds))]...)
			case 2:
				b, changes = grown(r, b, 0, ""), 1
			case 3:
				b, changes = grown(r, b, 0, ""), 0
			}
			for range changes {
				at := r.IntN(len(b) + 1)
				switch r.IntN(3) {
				case 0: // add
					b = append(b[:at:at], append([]byte(scraps[r.IntN(len(scraps))]), b[at:]...)...)
				case 1: // take away
					b = append(b[:at:at], b[min(len(b), at+1+r.IntN(4)):]...)
				case 2: // change
					if at < len(b) {
						b[at] = byte(r.IntN(256))
					}
				}
			}
		}
		if batch = append(batch, b); len(batch) == 200 {
			accepted += compare(t, o, batch...)
			batch = batch[:0]
		}
	}
	accepted += compare(t, o, batch...)
	t.Logf("%d of %d were accepted", accepted, n)
	if accepted < n/10 {
		t.Errorf("only %d of %d were accepted: the test says little", accepted, n)
	}
}

func FuzzScanner(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	for _, s := range scraps {
		f.Add([]byte("<a><b" + s + "</b></a>"))
		f.Add([]byte("<a>" + s + "</a>"))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 1<<14 {
			return
		}
		compare(t, needExpat(t), b)
	})
}
