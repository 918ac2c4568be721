package bot

import (
	"errors"
	"time"

	"adminbot/agentapi"
	"adminbot/grammar"
)

// errNotBuilt: the grammar knows a method that neither hosts nor the bot have.
var errNotBuilt = errors.New("bot: no such method in this version")

// can reports whether a method is there: of the bot itself, or of hosts and
// built. Speech understands more than that.
func can(method string) bool {
	if _, own := ownMethods[method]; own {
		return true
	}
	spec, ok := agentapi.Lookup(method)
	return ok && spec.Built
}

// insteadOf are the questions that come nearest to methods that are not built. The
// same hosts are asked, with the arguments that both have; a change is never
// offered for another.
var insteadOf = map[string]string{
	"log.tail":      "log.query",
	"log.count":     "log.query",
	"check.status":  "presence.get",
	"check.list":    "presence.get",
	"check.run":     "presence.get",
	"check.history": "presence.get",
	"job.cancel":    "job.get",
	"agent.update":  "agent.info",
}

// notBuilt is what to say to a plan that is understood but cannot be run.
func notBuilt(c grammar.Command, lex *grammar.Lexicon) Reply {
	text := []string{"✖ I understand that, but I can't do it yet. Nothing was run."}
	if s := near(c, lex); s != "" {
		text = append(text, "nearest: "+clean(s, 200))
	}
	return tell(ExitNotUnderstood, text...)
}

// near is the sentence of the nearest question that can be answered, or "".
func near(c grammar.Command, lex *grammar.Lexicon) string {
	method := insteadOf[c.Method]
	if method == "" || !can(method) {
		return ""
	}
	out := grammar.Command{Method: method, Hosts: c.Hosts, On: c.On, Args: map[string]any{}}
	for _, v := range lex.Verbs() {
		if v.Method != method {
			continue
		}
		for _, a := range v.Args {
			if value, ok := c.Args[a.Name]; ok {
				out.Args[a.Name] = value
			}
		}
	}
	if method == "log.query" && len(out.Args) == 0 {
		return "" // the log of what?
	}
	s := lex.Sentence([]grammar.Command{out})
	if r := lex.Parse(nil, s, time.Time{}); r.Status != grammar.OK || len(r.Commands) != 1 || r.Commands[0].Method != method {
		return ""
	}
	return s
}
