package bot

import (
	"context"

	"mellium.im/xmpp/jid"

	"adminbot/agentapi"
	"adminbot/rpc"
)

// How many pages of one host's list are read for one answer: of a few hosts, and
// of many, who together would fill the memory.
const (
	maxPages  = 20
	manyPages = 4
	manyHosts = 20
)

// rest reads on in a list that did not fit into one answer, and puts it together.
// What is left after so many pages stays marked as cut; so does a list in which
// reading on fails. Where a method shows the first rows of many, as "top" does, they
// are the answer, unless the question picks out of all.
func (b *Bot) rest(ctx context.Context, to jid.JID, c *call, args rpc.Value, env rpc.Envelope, first rpc.Value) rpc.Value {
	spec, ok := agentapi.Lookup(c.s.Method)
	list := faceOf(c.s.Method).list
	if _, takes := spec.Arg("next"); !ok || !takes || list == "" || c.s.DryRun || c.s.Changes() {
		return first
	}
	next := nextOf(first)
	_, said := c.s.Args["limit"]
	_, limited := spec.Arg("limit")
	if next == "" || said || limited && len(c.s.Where) == 0 {
		return first
	}
	rows, _ := first.Member(list)
	all := rows.Elems()
	pages := maxPages
	if len(c.s.Hosts) > manyHosts {
		pages = manyPages
	}
	for n := 1; n < pages && next != ""; n++ {
		in := members(args)
		in["next"] = rpc.String(next)
		page, err := b.client.Do(ctx, to, rpc.MethodCall{Method: c.s.Method, Params: []rpc.Value{rpc.Struct(in)}, Envelope: env})
		more, _ := page.Member(list)
		if err != nil || more.Len() == 0 {
			break
		}
		all = append(all[:len(all):len(all)], more.Elems()...)
		next = nextOf(page)
	}
	out := members(first)
	out[list] = rpc.Array(all...)
	out["next"] = rpc.String(next)
	if next == "" {
		delete(out, "next")
		delete(out, "truncated")
	}
	return rpc.Struct(out)
}

func nextOf(v rpc.Value) string {
	m, _ := v.Member("next")
	s, _ := m.AsString()
	return s
}

func members(v rpc.Value) map[string]rpc.Value {
	out := map[string]rpc.Value{}
	for name, m := range v.Members() {
		out[name] = m
	}
	return out
}

// asked are the arguments as a host is called with them. A question that picks
// out of a list is put about as much of the list as there is, not about the few
// rows that are shown of one.
func (s Step) asked() map[string]any {
	spec, ok := agentapi.Lookup(s.Method)
	limit, has := spec.Arg("limit")
	if _, said := s.Args["limit"]; !ok || !has || said || limit.Max == nil || len(s.Where) == 0 {
		return s.Args
	}
	out := map[string]any{"limit": int32(*limit.Max)}
	for name, v := range s.Args {
		out[name] = v
	}
	return out
}
