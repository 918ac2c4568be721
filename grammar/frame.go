package grammar

import "time"

// frame gathers what the conversation offers to a new line.
func (r *reader) frame() frame {
	fr := frame{now: r.now, objects: map[Kind]any{}, odd: r.la.odd}
	for i := range r.prev {
		p := &r.prev[i]
		cmds := p.Commands
		if p.Status != OK {
			cmds = p.pending
		}
		fr.remember(r.lx, cmds)
		fr.day, fr.lacks = time.Time{}, ""
		if p.Status == Incomplete && len(cmds) == 1 {
			fr.lacks = p.missing
		}
		if p.Status == Incomplete && p.missing == "time" && len(cmds) == 1 {
			fr.day = cmds[0].At.In(r.lx.zone)
		}
	}
	return fr
}

// remember takes over what commands named.
func (fr *frame) remember(lx *Lexicon, cmds []Command) {
	if fr.objects == nil {
		fr.objects = map[Kind]any{}
	}
	for i := range cmds {
		c := &cmds[i]
		v, ok := lx.byName[c.Method]
		if !ok || c.Method == methodConfirm || c.Method == methodCancel || c.Method == methodDetails {
			continue
		}
		fr.last = c
		for _, a := range lx.verbs[v].Args {
			if val, ok := c.Args[a.Name]; ok {
				switch val.(type) {
				case string, []string:
					fr.objects[a.Kind] = val
				}
			}
		}
		if lx.verbs[v].Hosts && !c.On.IsZero() {
			// A question about all hosts is the latest selection too, but no
			// write is meant for all hosts because nobody named any.
			fr.hosts = c.On
			fr.unclear = len(c.Where) > 0 || c.Limit > 0 || !c.asked
		}
	}
}
