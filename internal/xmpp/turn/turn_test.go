package turn_test

import (
	"context"
	"testing"

	"adminbot/internal/xmpp/turn"
)

func TestYield(t *testing.T) {
	turn.Yield(t.Context()) // no turn: nothing happens
	calls := 0
	ctx, cancel := context.WithCancel(turn.With(t.Context(), func() { calls++ }))
	turn.Yield(ctx)
	cancel()
	turn.Yield(ctx)
	if calls != 2 {
		t.Errorf("%d calls", calls)
	}
}
