package workgroups

import (
	"context"
	"encoding/xml"
	"errors"

	"mellium.im/xmpp/stanza"
)

// A Wire carries stanzas of the service's domain. An XMPP component session is
// one.
//
// RoundTripIQ reads payload when it writes the stanza, and not after it has
// returned; its error wraps a [stanza.Error] if the peer answered with one. Send
// writes one whole stanza. Barrier returns when the server has taken everything
// that was sent before. All may be called from any goroutine.
type Wire interface {
	RoundTripIQ(ctx context.Context, iq stanza.IQ, payload xml.TokenReader) (stanza.IQ, xml.TokenReader, error)
	Send(ctx context.Context, stanza xml.TokenReader) error
	Barrier(ctx context.Context) error
}

// written is closed when the payload of a request is being written: what is sent
// after that comes behind it.
type written struct {
	xml.TokenReader
	begun chan struct{}
	once  bool
}

func (w *written) Token() (xml.Token, error) {
	if !w.once {
		w.once = true
		close(w.begun)
	}
	return w.TokenReader.Token()
}

// unreachable reports whether an error of a peer says that its client is not
// there, rather than that it does not want to.
func unreachable(e stanza.Error) bool {
	switch e.Condition {
	case stanza.ServiceUnavailable, stanza.RecipientUnavailable, stanza.ItemNotFound, stanza.Gone,
		stanza.RemoteServerNotFound, stanza.RemoteServerTimeout:
		return true
	}
	return false
}

// answer is the error of a peer, if err is one.
func answer(err error) (e stanza.Error, ok bool) {
	ok = errors.As(err, &e)
	return e, ok
}
