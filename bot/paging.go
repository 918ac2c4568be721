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

// Pages is how many pages of each host's list are read when so many hosts are
// asked.
func Pages(hosts int) int {
	if hosts > manyHosts {
		return manyPages
	}
	return maxPages
}

// Paged reports whether lists of the method come in pages because one answer may
// not have room for them. Where a method shows so many rows of a longer list, as
// proc.list does, those are its answer, not a page of it.
func Paged(spec agentapi.Spec) bool {
	_, limited := spec.Arg("limit")
	return pages(spec) && !limited
}

// pages reports whether a caller can go on in the method's list at all.
func pages(spec agentapi.Spec) bool {
	_, next := spec.Arg("next")
	return next && faceOf(spec.Name).list != "" && !spec.Class.Changes()
}

// Whole reads on in a list of which first is the first page, up to so many pages,
// and puts it together. ask makes the same call with other arguments. What is left
// after so many pages stays marked as cut; so does a list in which reading on fails.
// A row that was on a page before, because the list has moved meanwhile, is left
// out.
func Whole(ctx context.Context, spec agentapi.Spec, args, first rpc.Value, atMost int, ask func(context.Context, rpc.Value) (rpc.Value, error)) rpc.Value {
	next := nextOf(first)
	if next == "" || atMost < 2 || !pages(spec) {
		return first
	}
	f := faceOf(spec.Name)
	rows, _ := first.Member(f.list)
	seen := map[string]bool{}
	all := f.fresh(nil, rows.Elems(), seen)
	for n := 1; n < atMost && next != ""; n++ {
		in := members(args)
		in["next"] = rpc.String(next)
		page, err := ask(ctx, rpc.Struct(in))
		more, has := page.Member(f.list)
		if err != nil || !has {
			break
		}
		all = f.fresh(all, more.Elems(), seen)
		// Behind the end of a list that has become shorter is nothing more.
		if next = nextOf(page); more.Len() == 0 {
			break
		}
	}
	out := members(first)
	out[f.list] = rpc.Array(all...)
	out["next"] = rpc.String(next)
	if next == "" {
		delete(out, "next")
		delete(out, "truncated")
	}
	return rpc.Struct(out)
}

// fresh appends the rows that were not seen yet.
func (f face) fresh(all, rows []rpc.Value, seen map[string]bool) []rpc.Value {
	for _, row := range rows {
		if f.key != "" {
			v, _ := row.Member(f.key)
			key := string(v.AppendXML(nil))
			if seen[key] {
				continue
			}
			seen[key] = true
		}
		all = append(all, row)
	}
	return all
}

// rest reads on in a list that did not fit into one answer, or of which a question
// picks out of all.
func (b *Bot) rest(ctx context.Context, to jid.JID, c *call, args rpc.Value, env rpc.Envelope, first rpc.Value) rpc.Value {
	spec, ok := agentapi.Lookup(c.s.Method)
	_, said := c.s.Args["limit"]
	if !ok || c.s.DryRun || c.s.Changes() || said || !Paged(spec) && len(c.s.Where) == 0 {
		return first
	}
	return Whole(ctx, spec, args, first, Pages(len(c.s.Hosts)), func(ctx context.Context, args rpc.Value) (rpc.Value, error) {
		return b.client.Do(ctx, to, rpc.MethodCall{Method: c.s.Method, Params: []rpc.Value{args}, Envelope: env})
	})
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
// rows that are shown of one, and in an order that stays from page to page.
func (s Step) asked() map[string]any {
	spec, ok := agentapi.Lookup(s.Method)
	limit, has := spec.Arg("limit")
	if _, said := s.Args["limit"]; !ok || !has || said || limit.Max == nil || len(s.Where) == 0 {
		return s.Args
	}
	out := map[string]any{"limit": int32(*limit.Max)}
	if steady := faceOf(s.Method).steady; steady != "" {
		out["sort"] = steady
	}
	for name, v := range s.Args {
		out[name] = v
	}
	return out
}
