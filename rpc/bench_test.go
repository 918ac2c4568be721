package rpc

import (
	"bytes"
	"context"
	"encoding/xml"
	"fmt"
	"strings"
	"testing"
	"time"

	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"
)

// What disk.usage answers on a host with ten file systems.
type usage struct {
	At          time.Time    `rpc:"at"`
	TookMS      int64        `rpc:"took_ms"`
	Filesystems []filesystem `rpc:"filesystems"`
	ReadPerS    float64      `rpc:"read_bytes_per_s"`
	WritePerS   float64      `rpc:"write_bytes_per_s"`
}

type filesystem struct {
	Mount       string  `rpc:"mount"`
	Device      string  `rpc:"device"`
	Type        string  `rpc:"type"`
	Size        int64   `rpc:"size_bytes"`
	Used        int64   `rpc:"used_bytes"`
	UsedPercent float64 `rpc:"used_percent"`
	Free        int64   `rpc:"free_bytes"`
	FreePercent float64 `rpc:"free_percent"`
	InodesFree  float64 `rpc:"inodes_free_percent"`
	ReadOnly    bool    `rpc:"read_only"`
	Stale       bool    `rpc:"stale"`
}

func diskUsage() usage {
	u := usage{At: time.Unix(1.7e9, 0).UTC(), TookMS: 12, ReadPerS: 1048576.5, WritePerS: 52428.8}
	for i := range 10 {
		u.Filesystems = append(u.Filesystems, filesystem{
			Mount: fmt.Sprintf("/srv/data%d", i), Device: fmt.Sprintf("/dev/mapper/vg0-data%d", i), Type: "ext4",
			Size: 500 << 30, Used: int64(i) << 35, UsedPercent: 6.4 * float64(i), Free: 500<<30 - int64(i)<<35, FreePercent: 100 - 6.4*float64(i),
			InodesFree: 98.25,
		})
	}
	return u
}

func BenchmarkMarshal(b *testing.B) {
	u := diskUsage()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Marshal(&u); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkBind(b *testing.B) {
	v := mustReader(Marshal(diskUsage()))
	b.ReportAllocs()
	for b.Loop() {
		var u usage
		if err := v.Decode(&u); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncodeTokens(b *testing.B) {
	m := &MethodResponse{Value: mustReader(Marshal(diskUsage()))}
	b.ReportAllocs()
	for b.Loop() {
		if err := drain(m.TokenReader()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncodeBytes(b *testing.B) {
	v := mustReader(Marshal(diskUsage()))
	buf := v.AppendXML(nil)
	b.SetBytes(int64(len(buf)))
	b.ReportAllocs()
	for b.Loop() {
		buf = v.AppendXML(buf[:0])
	}
}

// The decoder alone: tokens are there already.
func BenchmarkDecodeTokens(b *testing.B) {
	m := &MethodResponse{Value: mustReader(Marshal(diskUsage()))}
	list := all(b, m.TokenReader())
	b.SetBytes(int64(responseFrame + len(m.Value.AppendXML(nil))))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ReadResponse(&tokens{list}, Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}

// With encoding/xml taking the text apart.
func BenchmarkDecodeText(b *testing.B) {
	text := write(b, (&MethodResponse{Value: mustReader(Marshal(diskUsage()))}).TokenReader())
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ReadResponse(xml.NewDecoder(strings.NewReader(text)), Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}

func benchmarkCall(b *testing.B, transport func(*ServeMux) Transport) {
	mux := NewServeMux(Options{Allow: everybody})
	u := diskUsage()
	mux.Handle("disk.usage", HandlerFunc(func(_ context.Context, r *Request) (Value, error) {
		var args struct {
			Mounts []string `rpc:"mounts,opt"`
			All    bool     `rpc:"all,opt"`
		}
		if err := r.Bind(&args); err != nil {
			return Value{}, err
		}
		return Marshal(&u)
	}))
	client := &Client{Transport: transport(mux)}
	env := Envelope{Actor: jid.MustParse("ann@example.org")}
	b.ReportAllocs()
	for b.Loop() {
		var out usage
		if err := client.Call(b.Context(), hostJID, "disk.usage", env, map[string]bool{"all": true}, &out); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCallLoopback(b *testing.B) {
	benchmarkCall(b, func(m *ServeMux) Transport { return Loopback{Mux: m, From: botJID} })
}

func BenchmarkCallThroughText(b *testing.B) {
	benchmarkCall(b, func(m *ServeMux) Transport { return &wire{tb: b, mux: m, from: botJID} })
}

func BenchmarkForbidden(b *testing.B) {
	mux := NewServeMux(Options{})
	iq := stanza.IQ{ID: "1", From: botJID, To: hostJID, Type: stanza.SetIQ}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := mux.HandleIQ(b.Context(), iq, &tokens{}); err == nil {
			b.Fatal("allowed")
		}
	}
}

func TestDiskUsageFitsAStanza(t *testing.T) {
	v := mustReader(Marshal(diskUsage()))
	var out usage
	if err := v.Decode(&out); err != nil {
		t.Fatal(err)
	}
	back := mustReader(Marshal(out))
	if a, b := v.AppendXML(nil), back.AppendXML(nil); !bytes.Equal(a, b) || len(a) > DefaultReplyBytes {
		t.Errorf("%d bytes, then %d", len(a), len(b))
	}
}
