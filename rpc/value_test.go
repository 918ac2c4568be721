package rpc

import (
	"encoding/json"
	"encoding/xml"
	"math"
	"strings"
	"testing"
	"time"
)

var sample = Struct(map[string]Value{
	"int":    Int(-7),
	"bool":   Bool(true),
	"string": String("a < b & \"c\"\r\n\t'd' 🟢"),
	"double": Double(1e21),
	"time":   DateTime(time.Date(2026, 11, 20, 18, 0, 0, 999, time.FixedZone("", 7200))),
	"base64": Base64([]byte{0, 1, 255}),
	"array":  Array(String(""), Array(), Struct(nil), Double(0.5)),
	"absent": Nil(),
})

func TestValueAccessors(t *testing.T) {
	if v, _ := sample.Member("int"); v.Kind() != KindInt {
		t.Errorf("int is a %v", v.Kind())
	} else if n, ok := v.AsInt(); n != -7 || !ok {
		t.Errorf("AsInt: %v %v", n, ok)
	} else if f, ok := v.AsDouble(); f != -7 || !ok {
		t.Errorf("AsDouble of an int: %v %v", f, ok)
	} else if _, ok := v.AsString(); ok {
		t.Error("an int is a string")
	}
	if v, _ := sample.Member("time"); !must(v.AsDateTime()).Equal(time.Date(2026, 11, 20, 16, 0, 0, 0, time.UTC)) {
		t.Errorf("time: %v", v)
	}
	if v, _ := sample.Member("base64"); string(must(v.AsBase64())) != "\x00\x01\xff" {
		t.Errorf("base64: %v", v)
	}
	if v, _ := sample.Member("bool"); !must(v.AsBool()) {
		t.Errorf("bool: %v", v)
	}
	if v, _ := sample.Member("double"); must(v.AsDouble()) != 1e21 {
		t.Errorf("double: %v", v)
	}
	if v, _ := sample.Member("array"); v.Len() != 4 || len(v.Elems()) != 4 || must(v.Index(0).AsString()) != "" {
		t.Errorf("array: %v", v)
	}
	if v, ok := sample.Member("absent"); ok || !v.IsNil() {
		t.Errorf("a nil member is there: %v", v)
	}
	var names []string
	for name := range sample.Members() {
		names = append(names, name)
	}
	if got := strings.Join(names, " "); got != "array base64 bool double int string time" {
		t.Errorf("members: %s", got)
	}
}

func must[T any](v T, ok bool) T {
	if !ok {
		panic("wrong kind")
	}
	return v
}

func TestValueDoesNotChange(t *testing.T) {
	elems := []Value{Int(1), Int(2)}
	bytes := []byte("ab")
	members := map[string]Value{"a": Int(1)}
	v := Array(Array(elems...), Base64(bytes), Struct(members))
	before := string(v.AppendXML(nil))
	elems[0], bytes[0], members["a"] = Int(9), 'x', Int(9)
	v.Elems()[0] = Int(9)
	v.Index(0).Elems()[0] = Int(9)
	must(v.Index(1).AsBase64())[0] = 'x'
	if got := string(v.AppendXML(nil)); got != before {
		t.Errorf("changed from %s\nto %s", before, got)
	}
}

func TestEqual(t *testing.T) {
	distinct := []Value{
		Nil(), Int(0), Int(1), Bool(false), Bool(true), String(""), String("a"), Double(0), Double(1), Double(math.NaN()),
		DateTime(time.Unix(0, 0)), DateTime(time.Unix(1, 0)), Base64(nil), Base64([]byte("a")),
		Array(), Array(Nil()), Array(Int(0)), Array(Int(1)), Array(Int(0), Int(0)), Array(Array()),
		Struct(nil), Struct(map[string]Value{"a": Int(0)}), Struct(map[string]Value{"a": Int(1)}),
		Struct(map[string]Value{"b": Int(0)}), Struct(map[string]Value{"a": Int(0), "b": Int(0)}), sample,
	}
	for i, v := range distinct {
		for j, w := range distinct {
			if got := v.Equal(w); got != (i == j) {
				t.Errorf("%v %v Equal %v %v: %v", v.Kind(), v, w.Kind(), w, got)
			}
			if same := string(v.AppendXML(nil)) == string(w.AppendXML(nil)); same != (i == j) {
				t.Errorf("%v and %v have the same bytes: %v", v, w, same)
			}
		}
	}
	if !Double(math.Copysign(0, -1)).Equal(Double(0)) {
		t.Error("-0 is not 0")
	}
	again, err := ReadValue(mustReader(sample.TokenReader()), Limits{})
	if err != nil || !again.Equal(sample) {
		t.Errorf("read again: %v, %v", again, err)
	}
}

func mustReader[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestNotValid(t *testing.T) {
	deep := Int(1)
	for range maxDepth {
		deep = Array(deep)
	}
	tests := map[string]struct {
		v    Value
		want string
	}{
		"NaN":          {Array(Int(1), Double(math.NaN())), "rpc: [1]: double is not a finite number"},
		"infinity":     {Double(math.Inf(-1)), "rpc: double is not a finite number"},
		"control":      {Struct(map[string]Value{"a": Array(String("\x1b[1m"))}), "rpc: a[0]: string holds bytes that XML cannot carry: send base64"},
		"not UTF-8":    {String("\xff"), "rpc: string holds bytes that XML cannot carry: send base64"},
		"noncharacter": {String("\uffff"), "rpc: string holds bytes that XML cannot carry: send base64"},
		"name":         {Struct(map[string]Value{"\x00": Int(1)}), `rpc: member name "\x00" cannot be written in XML`},
		"year":         {DateTime(time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)), "rpc: dateTime has a year that does not fit four digits"},
		"nil":          {Nil(), "rpc: nil is never sent: leave the member out"},
		"nil element":  {Array(Nil()), "rpc: [0]: nil is never sent: leave the member out"},
		"deep":         {deep, "rpc: " + strings.Repeat("[0]", maxDepth-1) + ": values are nested deeper than 32"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if err := tt.v.Valid(); err == nil || err.Error() != tt.want {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
			if _, err := tt.v.TokenReader(); err == nil {
				t.Error("can be written")
			}
		})
	}
	if err := deep.Index(0).Valid(); err != nil {
		t.Errorf("depth %d: %v", maxDepth, err)
	}
}

func TestEscapesLikeEncodingXML(t *testing.T) {
	var all strings.Builder
	for r := range rune(0x300) {
		all.WriteRune(r)
	}
	for _, s := range []string{"", "plain", all.String(), "\xff\xfe", "a\ufffeb\uffffc\ufffd", "\U0001F7E2<", "\xe2\x82"} {
		var want strings.Builder
		if err := xml.EscapeText(&want, []byte(s)); err != nil {
			t.Fatal(err)
		}
		if got := string(appendEscaped(nil, s)); got != want.String() {
			t.Errorf("%q: got %q, want %q", s, got, want.String())
		}
	}
}

func TestJSON(t *testing.T) {
	const want = `{"array":["",[],{},0.5],"base64":"AAH/","bool":true,"double":1e+21,"int":-7,` +
		`"string":"a \u003c b \u0026 \"c\"\r\n\t'd' 🟢","time":"2026-11-20T16:00:00Z"}`
	b, err := json.Marshal(sample)
	if err != nil || string(b) != want {
		t.Errorf("got  %s, %v\nwant %s", b, err, want)
	}
	if s := sample.String(); s != want {
		t.Errorf("String: %s", s)
	}
	if s := Double(math.Inf(1)).String(); s != "(json: unsupported value: +Inf)" {
		t.Errorf("infinity: %s", s)
	}
	if s := Nil().String(); s != "null" {
		t.Errorf("nil: %s", s)
	}
}

func TestLimits(t *testing.T) {
	nest := func(n int) string {
		return strings.Repeat("<value><array><data>", n-1) + "<value/>" + strings.Repeat("</data></array></value>", n-1)
	}
	tests := map[string]struct {
		in    string
		lim   Limits
		fault int // 0: accepted
	}{
		"depth 32":      {nest(32), Limits{}, 0},
		"depth 33":      {nest(33), Limits{}, FaultTooLarge},
		"depth 3 of 2":  {nest(3), Limits{Depth: 2}, FaultTooLarge},
		"1000 values":   {"<value><array><data>" + strings.Repeat("<value/>", 999) + "</data></array></value>", Limits{}, 0},
		"1001 values":   {"<value><array><data>" + strings.Repeat("<value/>", 1000) + "</data></array></value>", Limits{}, FaultTooLarge},
		"64 KiB text":   {"<value>" + strings.Repeat("x", 64<<10-15) + "</value>", Limits{}, 0},
		"more text":     {"<value>" + strings.Repeat("x", 64<<10-14) + "</value>", Limits{}, FaultTooLarge},
		"attributes":    {`<value a="` + strings.Repeat("x", 64<<10) + `"/>`, Limits{}, FaultTooLarge},
		"many elements": {"<value><array><data>" + strings.Repeat("<value><int>1</int></value>", 3000) + "</data></array></value>", Limits{Values: 5000}, FaultTooLarge},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := ReadValue(parse(tt.in), tt.lim)
			if got := faultFor(err); err == nil && tt.fault != 0 || err != nil && got.Code != tt.fault {
				t.Errorf("got %v, want fault %d", err, tt.fault)
			}
		})
	}
}
