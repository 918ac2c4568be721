package bench

import (
	"context"
	"errors"
	"io"
)

// beside runs serve until do has returned. If serve ends before that, its error
// ends do.
func beside(ctx context.Context, serve, do func(context.Context) error) error {
	serving, stop := context.WithCancel(ctx)
	defer stop()
	doing, end := context.WithCancelCause(ctx)
	defer end(nil)
	served := make(chan error, 1)
	go func() {
		err := serve(serving)
		if err != nil {
			end(err)
		}
		served <- err
	}()
	err := do(doing)
	stop()
	return errors.Join(err, <-served)
}

func joinClose(err error, c io.Closer) error { return errors.Join(err, c.Close()) }
