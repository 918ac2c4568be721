package link

import (
	"errors"
	"fmt"
)

// Why there is no session.
var (
	ErrUnreachable = errors.New("cannot reach the server")
	ErrCertificate = errors.New("the server's certificate is not trusted")
	ErrAuth        = errors.New("the server refused the login")
	ErrConflict    = errors.New("another session took this address")
	ErrConfig      = errors.New("bad configuration")
	ErrClosed      = errors.New("not connected") // or not any more
)

// What is wrong with a stanza or a call.
var (
	ErrTooLarge    = errors.New("stanza is too large")
	ErrDuplicateID = errors.New("a call with that id to that address is waiting already")
	ErrAddress     = errors.New("a component must address its requests")
	ErrNotStanza   = errors.New("not exactly one stanza")
)

// An Error is a failure of the transport: the stanza was not sent, or its
// answer will not come. The answers of a peer, errors included, are none.
type Error struct {
	Err  error
	sent bool
}

// Error returns the message.
func (e *Error) Error() string {
	if e.sent {
		return "link: sent, but no answer: " + e.Err.Error()
	}
	return "link: not sent: " + e.Err.Error()
}

// Unwrap returns what happened.
func (e *Error) Unwrap() error { return e.Err }

// Sent reports whether the stanza may have left. If not, it is certain that
// nobody has seen it.
func (e *Error) Sent() bool { return e.sent }

// A StreamError is the reason the server gave for closing the stream, RFC 6120
// 4.9.
type StreamError struct {
	Condition string // as defined by RFC 6120 4.9.3
	Text      string
}

// Error returns the message.
func (e *StreamError) Error() string {
	if e.Text != "" {
		return fmt.Sprintf("the server closed the stream: %s (%s)", e.Condition, e.Text)
	}
	return "the server closed the stream: " + e.Condition
}

// Is makes the error match the sentinel that stands for its condition.
func (e *StreamError) Is(target error) bool {
	switch e.Condition {
	case "conflict":
		return target == ErrConflict
	case "not-authorized":
		return target == ErrAuth
	case "host-unknown", "host-gone":
		return target == ErrConfig
	}
	return false
}

// A LoginError is the answer to a failed login, RFC 6120 6.5.
type LoginError struct {
	Condition string // as defined by RFC 6120 6.5
	Text      string
}

// Error returns the message.
func (e *LoginError) Error() string {
	if e.Text != "" {
		return fmt.Sprintf("the server refused the login: %s (%s)", e.Condition, e.Text)
	}
	return "the server refused the login: " + e.Condition
}

// Is makes every condition but a temporary one match [ErrAuth].
func (e *LoginError) Is(target error) bool {
	return target == ErrAuth && e.Condition != "temporary-auth-failure"
}
