package intake

import (
	"context"
	"net"
)

// A server is what [net/http.Server] and the mail server have in common.
type server interface {
	Serve(net.Listener) error
	Shutdown(context.Context) error
	Close() error
}

// serveUntil serves until ctx ends and what was begun has been answered, or endWait
// is over. The error is why the server ended by itself.
func serveUntil(ctx context.Context, srv server, l net.Listener) error {
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(ended)
		late, cancel := context.WithTimeout(context.WithoutCancel(ctx), endWait)
		defer cancel()
		if srv.Shutdown(late) != nil {
			srv.Close()
		}
	})
	err := srv.Serve(l)
	if stop() {
		return err
	}
	<-ended
	return nil
}
