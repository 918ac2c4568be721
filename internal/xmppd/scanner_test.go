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

const clientHeader = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='example.org' version='1.0'>"

// opened returns a scanner that has read a client's stream header.
func opened(t testing.TB) *Scanner {
	t.Helper()
	s := new(Scanner)
	for b := []byte(clientHeader); len(b) > 0; {
		_, n, err := s.Next(b)
		if err != nil || n == 0 {
			t.Fatalf("header: %d, %v", n, err)
		}
		b = b[n:]
	}
	return s
}

func TestScannerTable(t *testing.T) {
	deep := func(n int) string { return strings.Repeat("<a>", n) + strings.Repeat("</a>", n) }
	attrs := func(n int) string {
		b := "<a"
		for i := range n {
			b += fmt.Sprintf(" a%d=''", i)
		}
		return b + "/>"
	}
	for _, test := range []struct{ in, reason string }{
		// Accepted.
		{"<message/>", ""},
		{"<message to='a@b'><body>x &amp; y &#233; &#xE9; é 😀 > ]] ] ></body></message>", ""},
		{"<iq type=\"get\"\n\tid = 'a\"b'\r\n><q xmlns='u'/></iq >", ""},
		{"<m><![CDATA[ <b> & ]] > ]]]></m>", ""},
		{"<m><a:b xmlns:a='u' a:c='1' c='2' d:c='3' xmlns:d='v'/></m>", ""},
		{"<m xml:lang='en'/>", ""},
		{"<m><xml:a/></m>", ""},
		{"<m xmlns=''><b xmlns='jabber:client'/></m>", ""},
		{deep(64), ""},
		{attrs(64), ""},
		{"<m a='&lt;&gt;\">&apos;'/>", ""},
		{"<m a='&#x0000000041;'/>", ""},
		{"<m xmlns:a='u?a&amp;b'/>", ""},
		// Not well-formed.
		{"x<m/>", "text between elements"},
		{"<m>", "incomplete"},
		{"<m></n>", "the end tag is not that of the open element"},
		{"<m></mm>", "the end tag is not that of the open element"},
		{"<mm></m>", "the end tag is not that of the open element"},
		{"</m>", "the end tag is not that of the open element"},
		{"<m a='1' a='2'/>", "the same attribute twice"},
		{"<m xmlns='u' xmlns='v'/>", "the same attribute twice"},
		{"<m xmlns:a='u' xmlns:a='v'/>", "the same attribute twice"},
		{"<m xmlns:a='u' xmlns:b='u' a:c='1' b:c='2'/>", "the same attribute twice"},
		{"<m xmlns:a='u&amp;v' xmlns:b='u&#38;v' a:c='1' b:c='2'/>", "the same attribute twice"},
		{"<m a='1'b='2'/>", "no white space before an attribute"},
		{"<m a/>", "an attribute without a value"},
		{"<m a=1/>", "an attribute value without quotes"},
		{"<m a='<'/>", "< in an attribute value"},
		{"<m a='&'/>", badRef},
		{"<m / >", "a stray / in a tag"},
		{"< m/>", "a broken name"},
		{"<1/>", "a broken name"},
		{"<:a/>", "a broken name"},
		{"<a:/>", "a broken name"},
		{"<a:b:c/>", "a broken name"},
		{"<m><x:a/></m>", "a prefix that is not declared inside the stanza"},
		{"<m x:a=''/>", "a prefix that is not declared inside the stanza"},
		{"<m><stream:a/></m>", "a prefix that is not declared inside the stanza"},
		{"<m stream:a=''/>", "a prefix that is not declared inside the stanza"},
		{"<m><a xmlns:x='u'/><x:b/></m>", "a prefix that is not declared inside the stanza"},
		{"<m xmlns:x=''/>", "a prefix declared as nothing"},
		{"<m xmlns:xml='http://www.w3.org/XML/1998/namespace'/>", "the prefix xml declared again"},
		{"<m xmlns:xml='u'/>", "the prefix xml declared again"},
		{"<m xmlns:xmlns='u'/>", "the prefix xmlns declared again"},
		{"<m xmlns:x='http://www.w3.org/2000/xmlns/'/>", "a reserved namespace declared"},
		{"<m xmlns='http://www.w3.org/XML/1998/namespace'/>", "a reserved namespace declared"},
		{"<m xmlns='http://www.w3.org/XML/1998/namespac&#101;'/>", "a reserved namespace declared"},
		{"<m><xmlns:a/></m>", "a prefix that is not declared inside the stanza"},
		{"<m xmlns='a}b'/>", "a namespace that is no URI"},
		{"<m xmlns='a b'/>", "a namespace that is no URI"},
		{"<m xmlns='a&#10;b'/>", "a namespace that is no URI"},
		{"<m>]]></m>", "]]> in text"},
		{"<m>\x01</m>", badChar},
		{"<m>\x00</m>", badChar},
		{"<m a='\x0b'/>", badChar},
		{"<m>\xef\xbf\xbe</m>", badChar},
		{"<m>\xff</m>", badUTF8},
		{"<m>\xc0\x80</m>", badUTF8},
		{"<m>\xed\xa0\x80</m>", badUTF8},
		{"<m>\xf4\x90\x80\x80</m>", badUTF8},
		{"<m><![CDATA[\xff]]></m>", badUTF8},
		{"<m><![CDATA[\x02]]></m>", badChar},
		{"<m>&#0;</m>", badChar},
		{"<m>&#x1f;</m>", badChar},
		{"<m>&#xD800;</m>", badChar},
		{"<m>&#xFFFE;</m>", badChar},
		{"<m>&#x110000;</m>", badChar},
		{"<m>&#X41;</m>", badRef},
		{"<m>&#;</m>", badRef},
		{"<m>&#x;</m>", badRef},
		{"<m>&;</m>", badRef},
		{"<m>& </m>", badRef},
		{"<m>&lt </m>", badRef},
		{"<m>&#99999999999999999999;</m>", badRef},
		{"<![CDATA[x]]>", "text between elements"},
		// Refused by RFC 6120 11.1 and by us.
		{"<m><!-- x --></m>", "comment or document type"},
		{"<!DOCTYPE m><m/>", "comment or document type"},
		{"<m><?x y?></m>", "processing instruction"},
		{"<?xml version='1.0'?><m/>", "processing instruction"},
		{"<m>&nbsp;</m>", badEntity},
		{"<m a='&copy;'/>", badEntity},
		{"<é/>", "a name outside ASCII"},
		{"<m é=''/>", "a name outside ASCII"},
		{deep(65), "elements too deep inside each other"},
		{attrs(65), "too many attributes"},
		{"<m>" + strings.Repeat("x", 256<<10) + "</m>", "the element is too long"},
		{"<m a='" + strings.Repeat("x", 256<<10) + "'/>", "the element is too long"},
	} {
		name := test.in
		if len(name) > 60 {
			name = name[:60]
		}
		t.Run(name, func(t *testing.T) {
			for _, chunk := range []int{len(test.in), 1, 7} {
				if len(test.in) > 1<<16 && chunk < 7 {
					continue
				}
				_, err := scanOne(t, []byte(test.in), chunk)
				got := ""
				var se *ScanError
				switch {
				case errors.As(err, &se):
					got = se.Reason
				case err != nil:
					got = err.Error()
				}
				if got != test.reason {
					t.Errorf("in pieces of %d: got %q, want %q", chunk, got, test.reason)
				}
			}
		})
	}
}

var errIncomplete = errors.New("incomplete")

// scanOne scans the first element of b, arriving in pieces.
func scanOne(t testing.TB, b []byte, chunk int) (*Stanza, error) {
	s := opened(t)
	for have := min(chunk, len(b)); ; have = min(have+chunk, len(b)) {
		tok, n, err := s.Next(b[:have])
		switch {
		case err != nil:
			return nil, err
		case tok == Space:
			b = b[n:]
			have -= n
			if len(b) == 0 {
				return nil, errIncomplete
			}
			continue
		case tok == Element:
			return s.Stanza(), nil
		case tok == Closed:
			return nil, io.EOF
		}
		if have == len(b) {
			return nil, errIncomplete
		}
	}
}

func TestHeaders(t *testing.T) {
	for _, test := range []struct{ in, reason string }{
		{clientHeader, ""},
		{" \n" + clientHeader, ""},
		{"<s:stream xmlns:s='http://etherx.jabber.org/streams' xmlns='jabber:client'>", ""},
		{"<stream:stream xmlns:stream='http://etherx.jabber.org/streams'>", ""},
		{`<?xml version="1.0" encoding="utf-8"?><stream:stream xmlns:stream='http://etherx.jabber.org/streams'>`, ""},
		{"<?xml version='1.0' encoding='latin1'?>", "an encoding other than UTF-8"},
		{"<?xml version='1.0'?><?xml version='1.0'?>", "processing instruction"},
		{"<?xmlx?>", "processing instruction"},
		{"<?php echo?>", "processing instruction"},
		{"<!DOCTYPE x>", "comment or document type"},
		{"<stream xmlns='http://etherx.jabber.org/streams'>", "the stream header has no prefix of its own"},
		{"<stream:stream xmlns='jabber:client'>", "the stream header has no prefix of its own"},
		{"<stream:stream xmlns:stream='u'>", "the first element is no stream header"},
		{"<stream:flow xmlns:stream='http://etherx.jabber.org/streams'>", "the first element is no stream header"},
		{"<stream:stream xmlns:stream='http://etherx.jabber.org/streams'/>", "the stream header is empty"},
		{"</stream:stream>", "end tag without a start tag"},
		{"GET / HTTP/1.1", "text between elements"},
		{"\x16\x03\x01", "text between elements"},
	} {
		for _, chunk := range []int{1, len(test.in)} {
			s := new(Scanner)
			b, got, have := []byte(test.in), "incomplete", 0
			for {
				tok, n, err := s.Next(b[:have])
				var se *ScanError
				if errors.As(err, &se) {
					got = se.Reason
					break
				}
				if tok == Opened {
					got = ""
					break
				}
				if b, have = b[n:], have-n; tok != More {
					continue
				}
				if have == len(b) {
					break
				}
				have = min(have+chunk, len(b))
			}
			if got != test.reason {
				t.Errorf("%s in pieces of %d: got %q, want %q", test.in, chunk, got, test.reason)
			}
		}
	}
}

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

func needExpat(t testing.TB) *oracle {
	t.Helper()
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

func BenchmarkScanner(b *testing.B) {
	for _, bench := range []struct{ name, stanza string }{
		{"rpc", "<iq type='result' id='8f3a1c' to='bot@example.org/bot'><query xmlns='jabber:iq:rpc'><methodResponse><params><param><value><struct>" +
			strings.Repeat("<member><name>free_bytes</name><value><double>1234567890</double></value></member>", 12) +
			"</struct></value></param></params></methodResponse></query></iq>"},
		{"chat", seeds[0]},
		{"text", "<message to='a@b'><body>" + strings.Repeat("The quick brown fox jumps over the lazy dog. ", 100) + "</body></message>"},
	} {
		b.Run(bench.name, func(b *testing.B) {
			s := opened(b)
			in := []byte(bench.stanza)
			b.SetBytes(int64(len(in)))
			b.ReportAllocs()
			for b.Loop() {
				if tok, _, err := s.Next(in); tok != Element {
					b.Fatal(tok, err)
				}
			}
		})
	}
}
