package xmppd

import (
	"errors"
	"fmt"
	"io"
	"strings"
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
