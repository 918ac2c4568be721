package rpc

import (
	"context"
	"encoding/xml"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"mellium.im/xmpp/stanza"
)

// example reads a stanza of XEP-0009 by its number: its start and a reader of
// its children.
func example(t *testing.T, number string) (stanza.IQ, xml.TokenReader) {
	t.Helper()
	names, err := filepath.Glob("testdata/xep-0009/" + number + "-*.xml")
	if err != nil || len(names) != 1 {
		t.Fatalf("example %s: %v, %v", number, names, err)
	}
	f, err := os.Open(names[0])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	d := xml.NewDecoder(f)
	tok, err := d.Token()
	if err != nil {
		t.Fatal(err)
	}
	iq, err := stanza.NewIQ(tok.(xml.StartElement))
	if err != nil {
		t.Fatal(err)
	}
	return iq, &unwrapped{d: d}
}

// The responder of examples 1 and 2: which state is the sixth?
func stateName(_ context.Context, r *Request) (Value, error) {
	if len(r.Params) != 1 {
		return Value{}, Faultf(FaultParams, "want one number")
	}
	if n, _ := r.Params[0].AsInt(); n != 6 {
		return Value{}, Faultf(FaultNotFound, "no such state")
	}
	return String("Colorado"), nil
}

func TestExample1and2(t *testing.T) {
	iq, children := example(t, "001")
	mux := NewServeMux(Options{Allow: everybody})
	mux.Handle("examples.getStateName", HandlerFunc(stateName))
	got, err := mux.HandleIQ(t.Context(), iq, children)
	if err != nil {
		t.Fatal(err)
	}
	_, want := example(t, "002")
	wantResponse, err := ReadResponse(want, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	gotResponse, err := ReadResponse(got, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if gotResponse.Fault != nil || !gotResponse.Value.Equal(wantResponse.Value) {
		t.Errorf("got %v, want %v", gotResponse, wantResponse)
	}
}

func TestExample3(t *testing.T) {
	iq, children := example(t, "001")
	_, err := NewServeMux(Options{}).HandleIQ(t.Context(), iq, children)
	if want := (stanza.Error{Type: stanza.Auth, Condition: stanza.Forbidden}); !errors.Is(err, want) {
		t.Errorf("responder: got %v, want %v", err, want)
	}

	iq, children = example(t, "003")
	client := &Client{Transport: transportFunc(func(context.Context, stanza.IQ, xml.TokenReader) (stanza.IQ, xml.TokenReader, error) {
		return iq, children, nil
	})}
	err = client.Call(t.Context(), iq.From, "examples.getStateName", Envelope{}, Params{6}, nil)
	var se stanza.Error
	if !errors.As(err, &se) || se.Condition != stanza.Forbidden || se.Type != stanza.Auth {
		t.Errorf("requester: got %v", err)
	}
	if !Sent(err) {
		t.Error("an answered call was not sent")
	}
}

type transportFunc func(context.Context, stanza.IQ, xml.TokenReader) (stanza.IQ, xml.TokenReader, error)

func (f transportFunc) RoundTripIQ(ctx context.Context, iq stanza.IQ, p xml.TokenReader) (stanza.IQ, xml.TokenReader, error) {
	return f(ctx, iq, p)
}
