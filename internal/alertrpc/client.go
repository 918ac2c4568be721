package alertrpc

import (
	"context"

	"mellium.im/xmpp/jid"

	"adminbot/agentapi"
	"adminbot/rpc"
)

// A Client calls the methods of an alert service. It is safe for concurrent use.
type Client struct {
	RPC *rpc.Client
	To  jid.JID // the component's domain
}

// Ask calls a method by its name, with the arguments by theirs. It is what
// [Call] is where methods are data.
func (c *Client) Ask(ctx context.Context, actor jid.JID, method string, args map[string]any) (rpc.Value, error) {
	var out rpc.Value
	err := c.RPC.Call(ctx, c.To, method, rpc.Envelope{Actor: actor.Bare()}, args, &out)
	return out, err
}

// Call calls a method. Actor is the person on whose behalf a bot calls; zero:
// whoever calls. The errors are those of [rpc.Client.Call].
func Call[A, R any](ctx context.Context, c *Client, m agentapi.Method[A, R], actor jid.JID, args A) (R, error) {
	var out R
	err := c.RPC.Call(ctx, c.To, m.Name, rpc.Envelope{Actor: actor.Bare()}, args, &out)
	return out, err
}
