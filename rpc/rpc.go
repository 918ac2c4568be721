// Package rpc implements Jabber-RPC (XEP-0009): XML-RPC calls carried in XMPP
// IQs, and an envelope of headers (XEP-0131) that lets a call age out, be
// repeated safely, and say on whose behalf it is made.
//
// # Calling
//
// Have a [Transport], which is one method that an XMPP session provides. Make
// one [Client] of it and share it. Describe arguments and result of a method as
// Go structs with rpc tags, see [Marshal], and use [Client.Call]:
//
//	client := &rpc.Client{Transport: session}
//	var out struct {
//		FreeBytes int64 `rpc:"free_bytes"`
//	}
//	err := client.Call(ctx, host, "disk.free", rpc.Envelope{}, map[string]any{"mount": "/"}, &out)
//
// The error is a [*Fault] if the method answered with one; otherwise [Sent]
// tells whether the call may have been carried out. [Client.Multicall] makes
// several calls with one IQ.
//
// # Answering
//
// Make a [ServeMux] with [NewServeMux], say who may call at all in
// [Options.Allow], and register each method with [ServeMux.HandleMethod]. Hand
// [ServeMux.HandleIQ] every IQ whose child is a query in [NS]. What concerns
// all methods (permission, limits, audit) is [Middleware]; [ExpireCalls] is
// one. The introspection methods system.* are there by themselves.
//
// # Values
//
// A [Value] is one XML-RPC value that never changes. Reading is liberal and
// writing is strict: what is written is int, boolean, string, double without
// exponent, dateTime.iso8601 in UTC, base64, array and struct with members
// sorted by name, so that equal values are equal bytes and [Digest] is the same
// at both ends. Read are also i4, i8, nil, bare text, time zones and more.
// [Limits] bound size, depth and number of what a peer may send.
//
// Token readers returned by this package name the namespace in every element
// and carry no xmlns attributes: whoever writes them declares a namespace where
// it changes.
package rpc

import (
	"context"
	"encoding/xml"

	"mellium.im/xmpp/stanza"
)

// Namespaces of the elements this package writes. On input an element inside
// <query/> may also be in no namespace: some old clients send it so.
const (
	NS        = "jabber:iq:rpc"                   // XEP-0009
	NSHeaders = "http://jabber.org/protocol/shim" // XEP-0131

	nsExtensions = "http://ws.apache.org/xmlrpc/namespaces/extensions" // ex:nil and ex:i8 of Apache XML-RPC
)

// A Transport carries one IQ and brings back its answer. It is implemented by
// an XMPP session; [Loopback] implements it without one.
//
// RoundTripIQ sends iq with payload as its only child and waits for the answer
// with the same id from the address the request went to. It reads payload, which
// is an [Appender], when it writes the stanza, not when it queues it, because
// reading stamps the time from which the call ages. An error from payload means
// that the stanza must not be written at all.
//
// The returned reader yields the children of the answer. An answer of type
// error may be returned as such or as an error that wraps a [stanza.Error].
// Any other error should implement
//
//	interface{ Sent() bool }
//
// to tell whether the stanza may have left. RoundTripIQ returns when ctx is
// done. It is safe for concurrent use.
type Transport interface {
	RoundTripIQ(ctx context.Context, iq stanza.IQ, payload xml.TokenReader) (stanza.IQ, xml.TokenReader, error)
}

// An Appender is an element that can be had as bytes at once, which is faster
// than token by token: well formed, with its namespace declared. Every payload
// and answer of this package is one.
type Appender interface {
	xml.TokenReader
	AppendXML(dst []byte) ([]byte, error)
}

// Limits bound what is read from a peer. A zero field stands for the value in
// [DefaultLimits].
type Limits struct {
	Bytes  int // of the payload, as far as tokens show: names, attributes and text
	Depth  int // of values inside values
	Values int // in one call or response, counting arrays and structs themselves
}

// DefaultLimits are what a [ServeMux] accepts of a request.
var DefaultLimits = Limits{Bytes: 64 << 10, Depth: 32, Values: 1000}

// DefaultResponseLimits are what a [Client] accepts of a response: whoever
// asked for a list can take a long one.
var DefaultResponseLimits = Limits{Bytes: 64 << 10, Depth: 32, Values: 5000}

func (l Limits) or(d Limits) Limits {
	if l.Bytes == 0 {
		l.Bytes = d.Bytes
	}
	if l.Depth == 0 {
		l.Depth = d.Depth
	}
	if l.Values == 0 {
		l.Values = d.Values
	}
	return l
}
