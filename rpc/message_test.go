package rpc

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"mellium.im/xmpp/jid"
)

func query(inner string) string { return `<query>` + inner + `</query>` }

func call(inner string) string {
	return query(`<methodCall><methodName>a.b</methodName></methodCall>` + inner)
}

func headers(inner string) string {
	return call(`<headers xmlns="` + NSHeaders + `">` + inner + `</headers>`)
}

func header(name, value string) string {
	return headers(`<header name="` + name + `">` + value + `</header>`)
}

func TestReadCall(t *testing.T) {
	const name = `<methodName>a.b</methodName>`
	accepted := map[string]string{
		"no params":       query(`<methodCall>` + name + `</methodCall>`),
		"empty params":    query(`<methodCall>` + name + `<params/></methodCall>`),
		"params first":    query(`<methodCall><params/>` + name + `</methodCall>`),
		"white space":     "\n" + query("\n <methodCall>\n "+`<methodName> a.b </methodName>`+"\n</methodCall>\n"),
		"no namespace":    query(`<methodCall xmlns="">` + name + `</methodCall>`),
		"foreign":         query(`<x xmlns="urn:x"><y>z<y/></y></x><methodCall>` + name + `</methodCall>`),
		"unknown header":  header("X-Other", "what<b/>ever"[:4]),
		"no header":       headers(""),
		"header in front": query(`<headers xmlns="` + NSHeaders + `"/><methodCall>` + name + `</methodCall>`),
	}
	for name, in := range accepted {
		t.Run(name, func(t *testing.T) {
			c, err := ReadCall(parse(in), Limits{})
			if err != nil || c.Method != "a.b" || len(c.Params) != 0 {
				t.Errorf("got %+v, %v", c, err)
			}
		})
	}

	refused := map[string]struct {
		in   string
		want string
	}{
		"nothing":           {``, "-32600 no <query xmlns='jabber:iq:rpc'/>"},
		"other element":     {`<methodCall/>`, "-32600 no <query xmlns='jabber:iq:rpc'/>"},
		"other namespace":   {`<query xmlns="jabber:iq:roster"/>`, "-32600 no <query xmlns='jabber:iq:rpc'/>"},
		"empty":             {query(``), "-32600 no <methodCall/>"},
		"response":          {query(`<methodResponse/>`), "-32600 <methodResponse/> inside <query/>"},
		"two calls":         {query(`<methodCall>` + name + `</methodCall><methodCall>` + name + `</methodCall>`), "-32600 <methodCall/> inside <query/>"},
		"text":              {query(`hello`), "-32600 text between elements"},
		"headers here":      {call(`<headers/>`), "-32600 <headers/> inside <query/>"},
		"no name":           {query(`<methodCall/>`), "-32600 no <methodName/>"},
		"empty name":        {query(`<methodCall><methodName/></methodCall>`), "-32600 methodName is not 1 to 256 characters of A-Z a-z 0-9 / . _ :"},
		"bad name":          {query(`<methodCall><methodName>a-b</methodName></methodCall>`), "-32600 methodName is not 1 to 256 characters of A-Z a-z 0-9 / . _ :"},
		"long name":         {query(`<methodCall><methodName>` + strings.Repeat("a", 257) + `</methodName></methodCall>`), "-32600 methodName is not 1 to 256 characters of A-Z a-z 0-9 / . _ :"},
		"two names":         {query(`<methodCall>` + name + name + `</methodCall>`), "-32600 <methodName/> inside <methodCall/>"},
		"stranger":          {query(`<methodCall>` + name + `<x/></methodCall>`), "-32600 <x/> inside <methodCall/>"},
		"no param":          {query(`<methodCall>` + name + `<params><value/></params></methodCall>`), "-32600 <value/> inside <params/>"},
		"no value":          {query(`<methodCall>` + name + `<params><param/></params></methodCall>`), "-32600 params[0]: <param/> without <value/>"},
		"two values":        {query(`<methodCall>` + name + `<params><param><value/><value/></param></params></methodCall>`), "-32600 params[0]: more than one <value/> inside <param/>"},
		"bad value":         {query(`<methodCall>` + name + `<params><param><value/></param><param><value><struct><member><name>n</name><value><int/></value></member></struct></value></param></params></methodCall>`), "-32602 params[1].n: int: not a decimal number"},
		"cut":               {`<query><methodCall>`, "-32700 not well formed: XML syntax error on line 1: element <methodCall> closed by </stream>"},
		"headers twice":     {call(`<headers xmlns="` + NSHeaders + `"/><headers xmlns="` + NSHeaders + `"/>`), "-32602 <headers/> twice"},
		"header text":       {headers("x"), "-32600 text between elements"},
		"header element":    {headers(`<head/>`), "-32602 <head/> inside <headers/>"},
		"header nameless":   {headers(`<header>1</header>`), "-32602 <header/> without a name"},
		"header nested":     {header("TTL", "<b/>"), "-32600 <b/> inside text"},
		"header twice":      {headers(`<header name="TTL">1</header><header name="TTL">1</header>`), "-32602 header TTL twice"},
		"TTL zero":          {header("TTL", "0"), "-32602 header TTL: not a number of seconds from 1 to 86400"},
		"TTL long":          {header("TTL", "86401"), "-32602 header TTL: not a number of seconds from 1 to 86400"},
		"TTL fraction":      {header("TTL", "1.5"), "-32602 header TTL: not a number of seconds from 1 to 86400"},
		"TTL sign":          {header("TTL", "+5"), "-32602 header TTL: not a number of seconds from 1 to 86400"},
		"TTL endless":       {header("TTL", "99999999999999999999999"), "-32602 header TTL: not a number of seconds from 1 to 86400"},
		"TTL empty":         {header("TTL", ""), "-32602 header TTL: not a number of seconds from 1 to 86400"},
		"Created zoneless":  {header("Created", "2026-11-20T16:00:00"), "-32602 header Created: not a date and time of XEP-0082"},
		"Created XML-RPC":   {header("Created", "20261120T16:00:00"), "-32602 header Created: not a date and time of XEP-0082"},
		"Created day":       {header("Created", "2026-02-30T16:00:00Z"), "-32602 header Created: not a date and time of XEP-0082"},
		"key empty":         {header("X-Idempotency-Key", ""), "-32602 header X-Idempotency-Key: not 1 to 128 printable ASCII characters without space"},
		"key space":         {header("X-Idempotency-Key", "a b"), "-32602 header X-Idempotency-Key: not 1 to 128 printable ASCII characters without space"},
		"key long":          {header("X-Idempotency-Key", strings.Repeat("a", 129)), "-32602 header X-Idempotency-Key: not 1 to 128 printable ASCII characters without space"},
		"actor":             {header("X-Actor", "@"), "-32602 header X-Actor: not a bare XMPP address"},
		"actor full":        {header("X-Actor", "ann@example.org/phone"), "-32602 header X-Actor: not a bare XMPP address"},
		"reason long":       {header("X-Reason", strings.Repeat("a", 1025)), "-32602 header X-Reason: not a text of 1 to 1024 bytes"},
		"signature":         {header("X-Signature", "a"), "-32602 header X-Signature: not base64 of 1 to 512 bytes"},
		"signature is long": {header("X-Signature", strings.Repeat("AAAA", 171)), "-32602 header X-Signature: not base64 of 1 to 512 bytes"},
	}
	for name, tt := range refused {
		t.Run(name, func(t *testing.T) {
			c, err := ReadCall(parse(tt.in), Limits{})
			var se *SyntaxError
			if !errors.As(err, &se) {
				t.Fatalf("got %+v, %v", c, err)
			}
			f := faultFor(err)
			if got := strings.TrimPrefix(f.Error(), "rpc: fault "); strings.Replace(got, " ("+FaultName(f.Code)+"):", "", 1) != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestEnvelopeRoundTrip(t *testing.T) {
	tests := map[string]Envelope{
		"empty": {},
		"full": {
			Created: time.Date(2026, 11, 20, 16, 0, 0, 123e6, time.UTC), TTL: 30 * time.Second, Key: "018f-x", Actor: jid.MustParse("ann@example.org"),
			Reason: "disk <full> & \"broken\"", Signature: []byte{1, 2, 3},
		},
		"one": {TTL: MaxTTL},
	}
	for name, env := range tests {
		t.Run(name, func(t *testing.T) {
			in := MethodCall{Method: "a.b", Params: []Value{sample, Int(1)}, Envelope: env}
			if err := in.Valid(); err != nil {
				t.Fatal(err)
			}
			text := write(t, in.TokenReader())
			out, err := ReadCall(parse(text), Limits{})
			if err != nil {
				t.Fatalf("%v in %s", err, text)
			}
			if d := cmp.Diff(in, *out, cmp.Comparer(jid.JID.Equal)); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestCallOnTheWire(t *testing.T) {
	c := MethodCall{Method: "service.restart", Params: []Value{Struct(map[string]Value{"unit": String("nginx.service")})}, Envelope: Envelope{
		Created: time.Date(2026, 11, 20, 18, 0, 0, 0, time.FixedZone("", 7200)), TTL: 1500 * time.Millisecond,
		Actor: jid.MustParse("ann@example.org/phone"), Key: "k",
	}}
	const want = `<query xmlns="jabber:iq:rpc"><methodCall><methodName>service.restart</methodName><params><param><value><struct>` +
		`<member><name>unit</name><value><string>nginx.service</string></value></member></struct></value></param></params></methodCall>` +
		`<headers xmlns="http://jabber.org/protocol/shim"><header name="Created">2026-11-20T16:00:00.000Z</header><header name="TTL">2</header>` +
		`<header name="X-Idempotency-Key">k</header><header name="X-Actor">ann@example.org</header></headers></query>`
	if got := write(t, c.TokenReader()); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	inner := want[strings.Index(want, "<methodCall>"):strings.Index(want, "<headers")]
	if got := string(AppendCall(nil, c.Method, c.Params)); got != inner {
		t.Errorf("canonical bytes\ngot  %s\nwant %s", got, inner)
	}
}

func TestDigest(t *testing.T) {
	a := Struct(map[string]Value{"a": Int(1), "b": String("x")})
	b := Struct(map[string]Value{"b": String("x"), "a": Int(1)})
	// printf '<methodCall><methodName>m</methodName><params><param>…' | sha256sum
	const want = "39e2ed41e609ec52060a95cce54ec36e110259cb365a63e019606e947ce1d803"
	if got := DigestHex("m", []Value{a}); got != want {
		t.Errorf("of %s\ngot  %s\nwant %s", AppendCall(nil, "m", []Value{a}), got, want)
	}
	if Digest("m", []Value{a}) != Digest("m", []Value{b}) {
		t.Error("equal arguments have different digests")
	}
	seen := make(map[[32]byte]string)
	for name, d := range map[string][32]byte{
		"call": Digest("m", []Value{a}), "method": Digest("n", []Value{a}), "none": Digest("m", nil),
		"twice": Digest("m", []Value{a, a}), "array": Digest("m", []Value{Array(a)}), "value": Digest("m", []Value{Int(1)}),
		"injected": Digest("m</methodName>", nil), "string": Digest("m", []Value{String("1")}),
	} {
		if other, ok := seen[d]; ok {
			t.Errorf("%s and %s have the same digest", name, other)
		}
		seen[d] = name
	}
}

func TestSigningBytes(t *testing.T) {
	env := Envelope{Created: time.Unix(1e9, 5e6), TTL: time.Minute, Key: "k", Actor: jid.MustParse("ann@example.org")}
	base := string(SigningBytes(hostJID, "m", []Value{Int(1)}, env))
	const want = "urn:adminbot:rpc-signature:0\nweb01@hosts.example/agent\nk\n2001-09-09T01:46:40.005Z\n60\nann@example.org\n" +
		"<methodCall><methodName>m</methodName><params><param><value><int>1</int></value></param></params></methodCall>"
	if base != want {
		t.Errorf("got  %q\nwant %q", base, want)
	}
	other := env
	other.Reason, other.Signature = "because", []byte("x")
	if got := string(SigningBytes(hostJID, "m", []Value{Int(1)}, other)); got != base {
		t.Error("reason or signature are covered")
	}
	for name, change := range map[string]func(*Envelope){
		"key":     func(e *Envelope) { e.Key = "l" },
		"created": func(e *Envelope) { e.Created = e.Created.Add(time.Second) },
		"ttl":     func(e *Envelope) { e.TTL++ },
		"actor":   func(e *Envelope) { e.Actor = jid.MustParse("bob@example.org") },
	} {
		other := env
		change(&other)
		if string(SigningBytes(hostJID, "m", []Value{Int(1)}, other)) == base {
			t.Errorf("%s is not covered", name)
		}
	}
	// What the responder reads gives the same bytes.
	c := MethodCall{Method: "m", Params: []Value{Int(1)}, Envelope: env}
	got, err := ReadCall(parse(write(t, c.TokenReader())), Limits{})
	if err != nil || string(SigningBytes(hostJID, got.Method, got.Params, got.Envelope)) != base {
		t.Errorf("after reading: %v", err)
	}
}

func TestDeadline(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(int64(s), 0) }
	tests := map[string]struct {
		env      Envelope
		received int
		offset   time.Duration
		want     int
	}{
		"foreign caller":  {Envelope{}, 1000, 0, 1060},
		"ttl alone":       {Envelope{TTL: 5 * time.Second}, 1000, 0, 1005},
		"on time":         {Envelope{Created: at(1000), TTL: 30 * time.Second}, 1000, 0, 1030},
		"delayed":         {Envelope{Created: at(900), TTL: 30 * time.Second}, 1000, 0, 930},
		"ahead":           {Envelope{Created: at(1050), TTL: 30 * time.Second}, 1000, 0, 1030},
		"this clock slow": {Envelope{Created: at(1000), TTL: 30 * time.Second}, 980, 20 * time.Second, 1010},
		"this clock fast": {Envelope{Created: at(1000), TTL: 30 * time.Second}, 1500, -500 * time.Second, 1530},
		"created alone":   {Envelope{Created: at(990)}, 1000, 0, 1050},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := tt.env.Deadline(at(tt.received), tt.offset); !got.Equal(at(tt.want)) {
				t.Errorf("got %d, want %d", got.Unix(), tt.want)
			}
		})
	}
}

func TestReadResponse(t *testing.T) {
	response := func(inner string) string { return query(`<methodResponse>` + inner + `</methodResponse>`) }
	const member = `<member><name>faultCode</name><value><i4>403</i4></value></member>`
	const text = `<member><name>faultString</name><value>no</value></member>`
	fault := func(inner string) string {
		return response(`<fault><value><struct>` + inner + `</struct></value></fault>`)
	}
	accepted := map[string]struct {
		in   string
		want MethodResponse
	}{
		"value":        {response(`<params><param><value>x</value></param></params>`), MethodResponse{Value: String("x")}},
		"no namespace": {query(`<methodResponse xmlns=""><params><param><value>x</value></param></params></methodResponse>`), MethodResponse{Value: String("x")}},
		"foreign":      {query(`<x xmlns="urn:x"/><methodResponse><params><param><value/></param></params></methodResponse>`), MethodResponse{Value: String("")}},
		"fault":        {fault(member + text), MethodResponse{Fault: &Fault{403, "no"}}},
		"fault order":  {fault(text + member), MethodResponse{Fault: &Fault{403, "no"}}},
		"fault more":   {fault(text + member + `<member><name>x</name><value/></member>`), MethodResponse{Fault: &Fault{403, "no"}}},
	}
	for name, tt := range accepted {
		t.Run(name, func(t *testing.T) {
			m, err := ReadResponse(parse(tt.in), Limits{})
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, *m); d != "" {
				t.Error(d)
			}
		})
	}
	refused := map[string]string{
		"empty":        ``,
		"no query":     `<methodResponse/>`,
		"call":         call(""),
		"no response":  query(``),
		"two":          query(`<methodResponse><params><param><value/></param></params></methodResponse><methodResponse/>`),
		"nothing in":   response(``),
		"no param":     response(`<params/>`),
		"two params":   response(`<params><param><value/></param><param><value/></param></params>`),
		"both":         response(`<params><param><value/></param></params><fault/>`),
		"empty fault":  response(`<fault/>`),
		"no struct":    response(`<fault><value>no</value></fault>`),
		"no code":      fault(text),
		"no string":    fault(member),
		"code string":  fault(text + `<member><name>faultCode</name><value>403</value></member>`),
		"text number":  fault(member + `<member><name>faultString</name><value><int>1</int></value></member>`),
		"foreign only": query(`<x xmlns="urn:x"/>`),
	}
	for name, in := range refused {
		t.Run("not "+name, func(t *testing.T) {
			m, err := ReadResponse(parse(in), Limits{})
			var se *SyntaxError
			if !errors.As(err, &se) {
				t.Errorf("got %+v, %v", m, err)
			}
		})
	}
}

func TestFault(t *testing.T) {
	f := &Fault{FaultDenied, "needs \x1b[31mservice.restart" + strings.Repeat("ä", 2000)}
	m, err := ReadResponse(parse(write(t, (&MethodResponse{Fault: f}).TokenReader())), Limits{})
	if err != nil || m.Fault == nil {
		t.Fatal(m, err)
	}
	if got := m.Fault.Message; !strings.HasPrefix(got, "needs \uFFFD[31mservice.restartä") || !strings.HasSuffix(got, "ä…") || len(got) > maxFaultMessage+4 {
		t.Errorf("message %q", got)
	}
	err = error(&Fault{FaultDenied, "needs service.restart"})
	if got := err.Error(); got != "rpc: fault 403 (denied): needs service.restart" {
		t.Error(got)
	}
	if got := (&Fault{Code: 7}).Error(); got != "rpc: fault 7" {
		t.Error(got)
	}
	if !errors.Is(err, &Fault{Code: FaultDenied}) || errors.Is(err, &Fault{Code: FaultExpired}) || errors.Is(err, &Fault{FaultDenied, "other"}) {
		t.Error("errors.Is does not go by the code")
	}
	if FaultCode(err) != FaultDenied || FaultCode(errors.New("x")) != 0 || FaultCode(nil) != 0 {
		t.Error("FaultCode")
	}
}
