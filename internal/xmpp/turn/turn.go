// Package turn lets the handler of a stanza say that it has taken its place.
//
// Stanzas of one sender are handled one after the other. A handler that works
// for long first enters whatever queue gives its work an order, then calls
// [Yield]: the next stanza of the same sender may be handled beside it from
// then on. Without that call the turn ends when the handler returns.
package turn

import "context"

type key struct{}

// With returns a context whose turn ends when yield is called. Yield is called
// at most as often as the handler calls [Yield].
func With(ctx context.Context, yield func()) context.Context {
	return context.WithValue(ctx, key{}, yield)
}

// Yield ends the turn of the handler that was given ctx. It does not block. It
// may be called more than once, from any goroutine, and does nothing when ctx
// has no turn.
func Yield(ctx context.Context) {
	if yield, ok := ctx.Value(key{}).(func()); ok {
		yield()
	}
}
