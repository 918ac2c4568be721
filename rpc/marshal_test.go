package rpc

import (
	"errors"
	"math"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"mellium.im/xmpp/jid"
)

// pair marshals to another kind than its own.
type pair struct{ a, b string }

func (p pair) MarshalRPC() (Value, error) {
	if p.a == "bad" {
		return Value{}, errors.New("bad pair")
	}
	return String(p.a + "/" + p.b), nil
}

func (p *pair) UnmarshalRPC(v Value) error {
	s, ok := v.AsString()
	if !ok {
		return errors.New("want a pair")
	}
	p.a, p.b, ok = strings.Cut(s, "/")
	if !ok {
		return errors.New("want a pair")
	}
	return nil
}

type stamp struct {
	At     time.Time `rpc:"at"`
	TookMS int64     `rpc:"took_ms"`
}

type everything struct {
	stamp
	Bool    bool             `rpc:"bool"`
	Int     int              `rpc:"int"`
	Int32   int32            `rpc:"int32"`
	Int64   int64            `rpc:"int64"`
	Uint16  uint16           `rpc:"uint16"`
	Uint64  uint64           `rpc:"uint64"`
	Float   float64          `rpc:"float"`
	String  string           `rpc:"string"`
	Control string           `rpc:"control"`
	Bytes   []byte           `rpc:"bytes"`
	Hash    [4]byte          `rpc:"hash"`
	List    []string         `rpc:"list"`
	Pair    [2]int           `rpc:"pair"`
	Map     map[string]int32 `rpc:"map"`
	Nested  []stamp          `rpc:"nested"`
	Pointer *string          `rpc:"pointer"`
	Empty   *string          `rpc:"empty"`
	Opt     string           `rpc:"opt,omitempty"`
	Any     any              `rpc:"any"`
	Value   Value            `rpc:"value"`
	JID     jid.JID          `rpc:"jid"`
	Addr    netip.Addr       `rpc:"addr"`
	Own     pair             `rpc:"own"`
	Hidden  string           `rpc:"-"`
	Untaged int
	private int
}

func TestMarshalRoundTrip(t *testing.T) {
	at := time.Date(2026, 11, 20, 16, 0, 0, 0, time.UTC)
	text := "x"
	in := everything{
		stamp: stamp{At: at, TookMS: 1 << 40}, Bool: true, Int: -5, Int32: math.MinInt32, Int64: 1 << 53, Uint16: 65535,
		Uint64: 5e9, Float: 0.1, String: "<&>", Control: "a\x00b", Bytes: []byte{1, 2}, Hash: [4]byte{4, 3, 2, 1},
		List: []string{"a", "b"}, Pair: [2]int{1, 2}, Map: map[string]int32{"z": 1, "a": 2},
		Nested: []stamp{{At: at}, {At: at.Add(time.Hour)}}, Pointer: &text, Any: []any{int32(1), "b", 2.5, true},
		Value: Array(Int(3)), JID: jid.MustParse("ann@example.org/phone"), Addr: netip.MustParseAddr("::1"), Own: pair{"a", "b"},
		Hidden: "hidden", Untaged: 9, private: 1,
	}
	v, err := Marshal(&in)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"Untaged":9,"addr":"::1","any":[1,"b",2.5,true],"at":"2026-11-20T16:00:00Z","bool":true,"bytes":"AQI=",` +
		`"control":"YQBi","float":0.1,"hash":"BAMCAQ==","int":-5,"int32":-2147483648,"int64":9007199254740992,` +
		`"jid":"ann@example.org/phone","list":["a","b"],"map":{"a":2,"z":1},"nested":[{"at":"2026-11-20T16:00:00Z","took_ms":0},` +
		`{"at":"2026-11-20T17:00:00Z","took_ms":0}],"own":"a/b","pair":[1,2],"pointer":"x","string":"\u003c\u0026\u003e",` +
		`"took_ms":1099511627776,"uint16":65535,"uint64":5000000000,"value":[3]}`
	if d := cmp.Diff(want, v.String()); d != "" {
		t.Error(d)
	}
	var out everything
	if err := v.Decode(&out); err != nil {
		t.Fatal(err)
	}
	in.Hidden, in.private = "", 0
	if !reflect.DeepEqual(in, out) {
		t.Errorf("got  %+v\nwant %+v", out, in)
	}
}

func TestMarshalKinds(t *testing.T) {
	tests := map[string]struct {
		in   any
		kind Kind
	}{
		"int":        {3, KindInt},
		"int8":       {int8(-3), KindInt},
		"uint8":      {uint8(3), KindInt},
		"int64":      {int64(3), KindDouble},
		"uint32":     {uint32(3), KindDouble},
		"uint":       {uint(3), KindDouble},
		"float32":    {float32(3), KindDouble},
		"string":     {"a", KindString},
		"control":    {"\x07", KindBase64},
		"latin1":     {"\xe4", KindBase64},
		"time":       {time.Now(), KindDateTime},
		"bytes":      {[]byte{}, KindBase64},
		"nil slice":  {[]string(nil), KindArray},
		"nil map":    {map[string]int(nil), KindStruct},
		"value":      {Bool(true), KindBool},
		"text":       {netip.MustParseAddr("::1"), KindString},
		"marshaler":  {pair{"a", "b"}, KindString},
		"pointer":    {new(int), KindInt},
		"empty type": {struct{}{}, KindStruct},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			v, err := Marshal(tt.in)
			if err != nil || v.Kind() != tt.kind {
				t.Errorf("got %v, %v, want %v", v.Kind(), err, tt.kind)
			}
		})
	}
}

func TestMarshalErrors(t *testing.T) {
	type loop struct {
		Next *loop `rpc:"next"`
	}
	ring := &loop{}
	ring.Next = ring
	tests := map[string]struct {
		in   any
		want string
	}{
		"int":       {struct{ A []int }{[]int{1, math.MaxInt32 + 1}}, "rpc: marshal: 2147483648 does not fit an int of 32 bits (at A[1])"},
		"int64":     {int64(1<<53 + 1), "rpc: marshal: 9007199254740993 is not exact in a double"},
		"uint64":    {uint64(math.MaxUint64), "rpc: marshal: 18446744073709551615 is not exact in a double"},
		"NaN":       {map[string]float64{"load": math.NaN()}, "rpc: double is not a finite number (at load)"},
		"year":      {time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC), "rpc: dateTime has a year that does not fit four digits"},
		"duration":  {time.Second, "rpc: marshal: time.Duration has no unit on the wire: use a number with a unit in its name"},
		"nil":       {nil, "rpc: marshal: <nil> is nil, which is never sent"},
		"pointer":   {(*int)(nil), "rpc: marshal: *int is nil, which is never sent"},
		"element":   {[]*int{nil}, "rpc: marshal: nil in an array (at [0])"},
		"value":     {[]Value{String("\x00")}, "rpc: marshal: string holds bytes that XML cannot carry: send base64 (at [0])"},
		"invalid":   {Double(math.Inf(1)), "rpc: double is not a finite number"},
		"channel":   {make(chan int), "rpc: marshal: no XML-RPC type for chan int"},
		"keys":      {map[int]int{}, "rpc: marshal: no XML-RPC type for map[int]int: keys must be strings"},
		"key":       {map[string]int{"\x00": 1}, `rpc: marshal: member name "\x00" cannot be written in XML`},
		"marshaler": {pair{"bad", ""}, "bad pair"},
		"ring":      {ring, "rpc: marshal: nested deeper than 32 (at " + strings.Repeat("next.", 31) + "next)"},
		"two fields": {struct {
			A, B int "rpc:\"x\""
		}{}, "rpc: struct { A int \"rpc:\\\"x\\\"\"; B int \"rpc:\\\"x\\\"\" } has two fields named x"},
		"option": {struct {
			A int `rpc:"a,omit"`
		}{}, `rpc: struct { A int "rpc:\"a,omit\"" }.A: unknown tag option "omit"`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if v, err := Marshal(tt.in); err == nil || err.Error() != tt.want {
				t.Errorf("got  %v, %v\nwant %s", v, err, tt.want)
			}
		})
	}
}

func TestDecodeErrors(t *testing.T) {
	type inner struct {
		Mount string `rpc:"mount"`
	}
	type args struct {
		Unit  string   `rpc:"unit"`
		Limit int32    `rpc:"limit" default:"20"`
		Ports []uint16 `rpc:"ports,opt"`
		Disks []inner  `rpc:"disks,omitempty"`
		At    *time.Time
		Any   map[string]bool `rpc:"any,opt"`
		Who   jid.JID         `rpc:"who,opt"`
		Hash  [2]byte         `rpc:"hash,opt"`
		Own   pair            `rpc:"own,opt"`
		Num   float32         `rpc:"num,opt"`
	}
	m := func(name string, v Value) Value {
		return Struct(map[string]Value{"unit": String("a"), name: v})
	}
	tests := map[string]struct {
		v    Value
		want string // "" means accepted
	}{
		"fine":              {m("limit", Int(3)), ""},
		"double for int":    {m("limit", Double(3)), ""},
		"base64 for string": {m("unit", Base64([]byte("\x00"))), ""},
		"int for double":    {m("num", Int(3)), ""},
		"nil pointer":       {m("At", Nil()), ""},
		"string":            {m("unit", Int(3)), "args.unit: want string, got int"},
		"missing":           {Struct(nil), "args.unit: is missing"},
		"unknown":           {m("units", Int(3)), "args.units: no such member"},
		"unknown first":     {m("aaa", Int(3)), "args.aaa: no such member"},
		"not whole":         {m("limit", Double(3.5)), "args.limit: want a whole number"},
		"too large":         {m("limit", Double(1<<31)), "args.limit: number too large"},
		"not exact":         {m("limit", Double(1<<54)), "args.limit: number too large to be exact"},
		"negative":          {m("ports", Array(Int(1), Int(-1))), "args.ports[1]: want a number that is not negative"},
		"port":              {m("ports", Array(Int(65536))), "args.ports[0]: number too large"},
		"no array":          {m("ports", Int(1)), "args.ports: want array, got int"},
		"nested":            {m("disks", Array(Struct(map[string]Value{"mount": String("/")}), Struct(nil))), "args.disks[1].mount: is missing"},
		"nested kind":       {m("disks", Array(String("/"))), "args.disks[0]: want struct, got string"},
		"time":              {m("At", String("now")), "args.At: want dateTime, got string"},
		"map":               {m("any", Struct(map[string]Value{"x": Int(1)})), "args.any.x: want boolean, got int"},
		"map kind":          {m("any", Array()), "args.any: want struct, got array"},
		"address":           {m("who", String("@")), "args.who: not an XMPP address"},
		"address kind":      {m("who", Int(1)), "args.who: want string, got int"},
		"bytes":             {m("hash", String("ab")), "args.hash: want base64, got string"},
		"bytes length":      {m("hash", Base64([]byte("abc"))), "args.hash: want 2 bytes, got 3"},
		"own":               {m("own", String("ab")), "args.own: want a pair"},
		"number":            {m("num", String("1")), "args.num: want double, got string"},
		"number size":       {m("num", Double(1e300)), "args.num: number too large"},
		"nil element":       {m("ports", Array(Nil())), "args.ports[0]: nil is not allowed here"},
		"no struct":         {Int(1), "args: want struct, got int"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var a args
			err := (&Request{Params: []Value{tt.v}}).Bind(&a)
			if tt.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			var be *BindError
			if !errors.As(err, &be) || be.Error() != tt.want {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
	var a args
	if err := m("new_member", Int(1)).DecodeKnown(&a); err != nil || a.Unit != "a" {
		t.Errorf("DecodeKnown: %+v, %v", a, err)
	}
	if err := Struct(nil).DecodeKnown(&a); err == nil || err.Error() != "unit: is missing" {
		t.Errorf("DecodeKnown: %v", err)
	}
	for _, out := range []any{nil, a, (*args)(nil), new(func()), new(error), new(map[int]int), new(time.Duration)} {
		err := Struct(nil).Decode(out)
		var be *BindError
		if err == nil || errors.As(err, &be) {
			t.Errorf("decode into %T: %v", out, err)
		}
	}
	if err := (&Request{Params: []Value{Int(1), Int(2)}}).Bind(&a); err == nil || err.Error() != "args: want one struct of named arguments, got 2 parameters" {
		t.Errorf("two parameters: %v", err)
	}
	if err := (&Request{}).Bind(new(struct{})); err != nil {
		t.Errorf("no parameters: %v", err)
	}
}

func TestDecodeKeepsWhatIsNotThere(t *testing.T) {
	a := struct {
		Limit int `rpc:"limit,opt"`
	}{20}
	if err := Struct(nil).Decode(&a); err != nil || a.Limit != 20 {
		t.Errorf("%+v, %v", a, err)
	}
	var x any
	if err := sample.Decode(&x); err != nil || !reflect.DeepEqual(x, sample.Any()) {
		t.Errorf("%v, %v", x, err)
	}
	var v Value
	if err := sample.Decode(&v); err != nil || !v.Equal(sample) {
		t.Errorf("%v, %v", v, err)
	}
}
