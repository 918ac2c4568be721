package bot

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"adminbot/agentapi"
	"adminbot/grammar"
)

// defaultTimeout is assumed for work of methods that the table does not have.
const defaultTimeout = 30 * time.Second

// plan binds what was read to the method table: classes, permissions, checked
// arguments, hosts. When there is nothing to run, problem is what to say
// instead. Pure.
func plan(r grammar.Reading, line string, lex *grammar.Lexicon) (p Plan, problem *Reply) {
	if r.Status != grammar.OK || len(r.Commands) == 0 {
		reply := notPlanned(r, line, lex)
		return Plan{}, &reply
	}
	p.Sentence = r.Canonical
	if p.Sentence == "" {
		p.Sentence = line
	}
	for _, c := range r.Commands {
		s, err := bind(c, lex.Inventory())
		if errors.Is(err, errNotBuilt) {
			reply := notBuilt(c, lex)
			return Plan{}, &reply
		}
		if err != nil {
			reply := tell(ExitNotUnderstood, "✖ "+capital(err.Error()), "Nothing was run.")
			return Plan{}, &reply
		}
		s.Sentence = lex.Sentence([]grammar.Command{c})
		p.Steps = append(p.Steps, s)
	}
	for _, s := range p.Steps {
		if !s.At.IsZero() || s.Every != 0 {
			reply := noAppointments(r.Commands, lex)
			return Plan{}, &reply
		}
	}
	if n := slices.IndexFunc(p.Steps, func(s Step) bool { return s.Own }); n >= 0 && len(p.Steps) > 1 {
		reply := tell(ExitNotUnderstood, "✖ One thing at a time: "+cmp.Or(ownWords[p.Steps[n].Method], "that")+" can't be part of more.", "Nothing was run.")
		return Plan{}, &reply
	}
	p.Hash = hash(p.Steps, line)
	return p, nil
}

// ownWords are what people call methods of the bot.
var ownWords = map[string]string{
	"fleet.hosts": "the list of hosts", "bot.help": "help", "bot.confirm": "a yes", "bot.cancel": "a no", "bot.approve": "an approval",
	"bot.decline": "a refusal", "bot.details": "details", "bot.more": "more", "bot.retry": "retry", "bot.repeat": "again", "bot.history": "history",
	"bot.alias": "an alias", "bot.unalias": "forgetting an alias", "bot.aliases": "the list of aliases",
}

// bind makes a step of a command.
func bind(c grammar.Command, inv *grammar.Inventory) (Step, error) {
	s := Step{
		Method: c.Method, Args: c.Args, Hosts: c.Hosts, Sort: c.Sort, Limit: c.Limit,
		At: c.At, Every: c.Every, DryRun: c.DryRun, command: c,
	}
	for _, f := range c.Where {
		s.Where = append(s.Where, Filter(f))
	}
	if class, ok := ownMethods[c.Method]; ok {
		s.Own, s.Class = true, class
		s.Permission = c.Method
		return s, nil
	}
	spec, ok := agentapi.Lookup(c.Method)
	if !ok || !spec.Built { // no host can do it: nobody need be asked
		return s, errNotBuilt
	}
	args, wire, err := spec.Bind(c.Args)
	if err != nil {
		return s, fmt.Errorf("%s", strings.TrimPrefix(err.Error(), "agentapi: "))
	}
	s.Args, s.Lane = wire, spec.Lane
	s.Class, s.Permission = spec.For(args)
	s.Timeout = spec.Timeout
	if s.Timeout == 0 {
		s.Timeout = defaultTimeout
	}
	s.All = everyone(c.On, s.Hosts, inv)
	return s, nil
}

// everyone reports whether hosts are all there are, without each having been
// named. A fleet of one host is not asked for more than a yes by that.
func everyone(on grammar.Selector, hosts []string, inv *grammar.Inventory) bool {
	return len(hosts) > 1 && len(hosts) == len(inv.Hosts) && !on.Named()
}

// own is the plan's only step if the bot itself answers it.
func (p Plan) own() *Step {
	if len(p.Steps) == 1 && p.Steps[0].Own {
		return &p.Steps[0]
	}
	return nil
}

// resolved is the plan with its hosts looked up again, and how they differ.
func (p Plan) resolved(line string, inv *grammar.Inventory) (again Plan, added, gone []string) {
	again = p
	again.Steps = slices.Clone(p.Steps)
	for i := range again.Steps {
		s := &again.Steps[i]
		if s.command.On.IsZero() {
			continue
		}
		hosts := s.command.On.Resolve(inv)
		for _, h := range hosts {
			if !slices.Contains(s.Hosts, h) {
				added = append(added, h)
			}
		}
		for _, h := range s.Hosts {
			if !slices.Contains(hosts, h) {
				gone = append(gone, h)
			}
		}
		s.Hosts, s.All = hosts, everyone(s.command.On, hosts, inv)
	}
	again.Hash = hash(again.Steps, line)
	return again, added, gone
}

// notPlanned is what to say to a line that is no plan.
func notPlanned(r grammar.Reading, line string, lex *grammar.Lexicon) Reply {
	var text []string
	switch r.Status {
	case grammar.Ambiguous:
		options := r.Options[:min(len(r.Options), 9)]
		if len(options) == 0 {
			return notBuilt(grammar.Command{}, lex)
		}
		text = append(text, firstLine(whichOne(r, line, lex), "Nothing was run.")...)
		for i, o := range options {
			text = append(text, fmt.Sprintf("%d  %s", i+1, clean(o, 200)))
		}
		text = append(text, "reply "+choices(len(options)))
	case grammar.Incomplete:
		q := clean(r.Question, headWidth)
		if q == "" {
			q = "Something is missing."
		}
		text = append(text, firstLine(q, "Nothing was run.")...)
		text = append(text, suggested(r.Suggestions)...)
	case grammar.NotACommand:
		text = append(text, nothingToDo(line))
		text = append(text, suggested(r.Suggestions)...)
	default:
		text = unknown(r, line, lex)
	}
	reply := tell(ExitNotUnderstood, text...)
	reply.Data = Answer{Text: reply.Text, Exit: reply.Exit, Status: string(r.Status), Reading: &r}
	return reply
}

// whichOne asks which of several plans was meant.
func whichOne(r grammar.Reading, line string, lex *grammar.Lexicon) string {
	words := strings.Fields(strings.TrimRight(line, ".!?"))
	if len(words) == 2 && isHost(words[1], lex) {
		return fmt.Sprintf("\"%s\" is a host. %s what?", clean(words[1], 24), capital(clean(strings.ToLower(words[0]), 16)))
	}
	if q := clean(r.Question, headWidth); q != "" {
		return q
	}
	return fmt.Sprintf("\"%s\" could mean %d things. Which?", clean(line, 30), len(r.Options))
}

func isHost(name string, lex *grammar.Lexicon) bool {
	return slices.ContainsFunc(lex.Inventory().Hosts, func(h grammar.Host) bool { return strings.EqualFold(h.Name, name) })
}

// unknown is the answer to something not understood: the word, the nearest known
// one, that nothing was run, and what can be said instead.
func unknown(r grammar.Reading, line string, lex *grammar.Lexicon) []string {
	p := r.Problem
	if r.Question != "" {
		return append(firstLine("✖ "+clean(r.Question, headWidth-2), "Nothing was run."), suggested(r.Suggestions)...)
	}
	if p == nil || p.Word == "" {
		return append(firstLine(fmt.Sprintf("✖ I don't understand \"%s\".", clean(line, 40)), "Nothing was run."), instead(r.Suggestions)...)
	}
	if text := noSuch(p); text != nil {
		return append(text, instead(r.Suggestions)...)
	}
	if rest, without := unexplained(r, line, lex); without != "" {
		return append(firstLine(fmt.Sprintf("✖ I don't understand \"%s\".", clean(rest, 30)), "Nothing was run."), "without it: "+clean(without, 200))
	}
	said := fmt.Sprintf("✖ I don't know \"%s\"%s.", clean(p.Word, 24), column(p, line))
	if p.Nearest != "" && !strings.EqualFold(p.Nearest, p.Word) {
		said += fmt.Sprintf(" Did you mean %s?", clean(p.Nearest, 24))
	}
	text := firstLine(said, "Nothing was run.")
	if p.Column == 1 && p.Nearest == "" {
		// A verb that nobody knows is no reason to offer a change.
		harmless, service := []string{}, false
		for _, s := range r.Suggestions {
			changes := false
			for _, c := range lex.Parse(nil, s, time.Time{}).Commands {
				spec, _ := agentapi.Lookup(c.Method)
				changes = changes || spec.Class.Changes()
				service = service || strings.HasPrefix(c.Method, "service.")
			}
			if !changes {
				harmless = append(harmless, s)
			}
		}
		if service {
			text = append(text, "For a service: restart, reload, start, stop, status")
			if offer := aliasOffer(p.Word, "restart", lex); offer != "" {
				text = append(text, offer)
			}
			return append(text, suggested(harmless)...)
		}
	}
	return append(text, instead(r.Suggestions)...)
}

// noSuch says that there is nothing of the name that a word stands for, if that
// is what is wrong.
func noSuch(p *grammar.Problem) []string {
	word := "\"" + clean(p.Word, 24) + "\""
	what := "No " + clean(p.Missing, 20) + " " + word
	switch p.Missing {
	case "":
		return nil
	case grammar.MissingTime:
		return firstLine(fmt.Sprintf("✖ %s is no time of day (column %d).", word, p.Column), "Nothing was run.")
	case grammar.MissingService:
		what = someHosts(p.Hosts, 24) + " has no service " + word
		if len(p.Hosts) > 1 {
			what = fmt.Sprintf("None of %d hosts has a service %s", len(p.Hosts), word)
		}
	case string(grammar.KindFailover):
		what = "No failover group " + word
	}
	if p.Nearest != "" {
		return firstLine(fmt.Sprintf("✖ %s. Did you mean %s?", what, clean(p.Nearest, 24)), "Nothing was run.")
	}
	text := firstLine("✖ "+what+".", "Nothing was run.")
	if len(p.Among) > 0 {
		text = append(text, "there is: "+strings.Join(cleaned(p.Among), ", "))
	}
	return text
}

func cleaned(names []string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = clean(n, 30)
	}
	return out
}

// longLine is from how many characters on a line is so long that a word in it is
// looked for.
const longLine = 40

// column says where in a long line a word is.
func column(p *grammar.Problem, line string) string {
	if utf8.RuneCountInString(line) < longLine {
		return ""
	}
	return fmt.Sprintf(" (column %d)", p.Column)
}

// unexplained are the words at the end of a line that is understood without
// them, and the line without them.
func unexplained(r grammar.Reading, line string, lex *grammar.Lexicon) (rest, without string) {
	runes := []rune(line)
	at := r.Problem.Column - 1
	if at < 1 || at >= len(runes) || len(r.Suggestions) == 0 {
		return "", ""
	}
	before := lex.Parse(nil, string(runes[:at]), time.Time{})
	if before.Status != grammar.OK || before.Canonical != r.Suggestions[0] {
		return "", ""
	}
	return string(runes[at:]), before.Canonical
}

// instead is what could be said in other words.
func instead(suggestions []string) []string {
	if len(suggestions) == 0 {
		return []string{"say help for what I can do"}
	}
	return suggested(suggestions)
}

// firstLine puts two sentences into one line if that is short enough (R1).
func firstLine(a, b string) []string {
	if width(a)+1+width(b) <= headWidth {
		return []string{a + " " + b}
	}
	return []string{a, b}
}

func suggested(list []string) []string {
	var out []string
	for _, s := range list[:min(len(list), 3)] {
		out = append(out, "say: "+clean(s, 200))
	}
	return out
}

// choices are the numbers from 1 to n, as something to choose from.
func choices(n int) string {
	var b strings.Builder
	for i := range n {
		switch {
		case i > 0 && i == n-1:
			b.WriteString(" or ")
		case i > 0:
			b.WriteString(", ")
		}
		fmt.Fprint(&b, i+1)
	}
	return b.String()
}

// buildable are the sentences of methods that there are. A number in the answer
// to a question counts these.
func buildable(sentences []string, lex *grammar.Lexicon) []string {
	return slices.DeleteFunc(slices.Clone(sentences), func(s string) bool { return !built(s, lex) })
}

// built reports whether a sentence is of methods that there are, as far as it can
// be read by itself.
func built(sentence string, lex *grammar.Lexicon) bool {
	for _, c := range lex.Parse(nil, sentence, time.Time{}).Commands {
		if !can(c.Method) {
			return false
		}
	}
	return true
}

// noAppointments refuses what was to happen later or again and again.
func noAppointments(commands []grammar.Command, lex *grammar.Lexicon) Reply {
	now := slices.Clone(commands)
	for i := range now {
		now[i].At, now[i].Every = time.Time{}, 0
	}
	text := []string{"✖ I can't keep appointments yet. Nothing was scheduled or run."}
	return tell(ExitNotUnderstood, append(text, "Without the time: "+lex.Sentence(now))...)
}

func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// asSaid are arguments with times, which were mostly said relatively, left open;
// hash adds the words instead.
func asSaid(args map[string]any) (said map[string]any, relative bool) {
	for name, v := range args {
		if _, ok := v.(time.Time); ok {
			if said == nil {
				said = maps.Clone(args)
			}
			said[name], relative = "as said", true
		}
	}
	if said == nil {
		said = args
	}
	return said, relative
}
