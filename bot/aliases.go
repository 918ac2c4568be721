package bot

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"mellium.im/xmpp/jid"

	"adminbot/grammar"
)

// maxAliases bounds how many words one person may let stand for others: what
// fits into one answer.
const maxAliases = 20

// Aliases keep what people let stand for other words, by person and name;
// internal/aliasstore does so in a file. What Of returns is not written to. Put
// and Drop return when the change is durable.
type Aliases interface {
	Of(person jid.JID) map[string]string
	Put(ctx context.Context, person jid.JID, name, means string) error
	Drop(ctx context.Context, person jid.JID, name string) error
}

// personalWords are the aliases of people, compiled. Safe for concurrent use.
type personalWords struct {
	store Aliases

	mu sync.Mutex
	of map[string]compiledWords // by person; at most maxTalks
}

// compiledWords are one person's aliases on top of one snapshot.
type compiledWords struct{ base, with *grammar.Lexicon }

// lexicon is base with what the person lets stand for other words. Aliases that
// mean something else by now are left out.
func (w *personalWords) lexicon(person jid.JID, base *grammar.Lexicon) *grammar.Lexicon {
	said := w.store.Of(person)
	if len(said) == 0 {
		return base
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	key := person.Bare().String()
	if c, ok := w.of[key]; ok && c.base == base {
		return c.with
	}
	good := maps.Clone(said)
	maps.DeleteFunc(good, func(name, means string) bool { return base.CheckAlias(name, means) != nil })
	with, err := base.WithAliases(good)
	if err != nil { // each was good alone
		return base
	}
	if w.of == nil || len(w.of) >= maxTalks {
		w.of = map[string]compiledWords{}
	}
	w.of[key] = compiledWords{base, with}
	return with
}

// changed makes the next line of a person be read with what is kept now.
func (w *personalWords) changed(person jid.JID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.of, person.Bare().String())
}

// lexicon is what the turn's person says, in the turn's picture of the fleet.
func (t *turn) lexicon() *grammar.Lexicon {
	return t.b.words.lexicon(t.person, t.fleet.Lexicon)
}

// answerAlias lets words stand for others, forgets them or lists them, each for
// who asks.
func (b *Bot) answerAlias(ctx context.Context, t *turn, s *Step) error {
	plan, v, answered, err := b.judgeOwn(ctx, t, s, s.Sentence)
	if answered {
		return err
	}
	said, _ := s.Args["name"].(string)
	means, _ := s.Args["sentence"].(string)
	name := grammar.AliasName(said)
	mine := b.words.store.Of(t.person)
	switch s.Method {
	case "bot.aliases":
		return t.say(b.listAliases(t, mine), b.record(ctx, t, plan, v, "run", ""))
	case "bot.unalias":
		if _, ok := mine[name]; !ok {
			return t.say(tell(ExitNotUnderstood, "✖ You have no alias \""+clean(name, 40)+"\".", "say: aliases"))
		}
	default:
		if problem := t.aliasProblem(name, means, mine); problem != nil {
			return t.say(*problem)
		}
	}
	if err := b.record(ctx, t, plan, v, "run", ""); err != nil {
		return t.say(tell(ExitMixed, notAudited), err)
	}
	if s.Method == "bot.unalias" {
		if err := b.words.store.Drop(ctx, t.person, name); err != nil {
			return t.say(tell(ExitMixed, "✖ That can't be forgotten. Nothing was changed.", "hint: the bot's log says why"), err)
		}
		b.words.changed(t.person)
		return t.say(tell(ExitOK, "✔ Forgotten: "+clean(name, 40), "it was: "+clean(mine[name], 200)))
	}
	if err := b.words.store.Put(ctx, t.person, name, means); err != nil {
		return t.say(tell(ExitMixed, "✖ That can't be kept. Nothing was changed.", "hint: the bot's log says why"), err)
	}
	b.words.changed(t.person)
	text := []string{"✔ From now on, for you: " + clean(name, 40), "means: " + clean(means, 200)}
	if was, ok := mine[name]; ok && was != means {
		text = append(text, "it was: "+clean(was, 200))
	}
	return t.say(tell(ExitOK, text...))
}

// aliasProblem says why the person can't let name stand for means, or nil.
func (t *turn) aliasProblem(name, means string, mine map[string]string) *Reply {
	no := func(why string) *Reply {
		r := tell(ExitNotUnderstood, firstLine("✖ \""+clean(name, 30)+"\" can't be an alias.", "Nothing was changed.")...)
		r.Text += "\n" + capital(why) + "."
		r.Data = Answer{Text: r.Text, Exit: r.Exit}
		return &r
	}
	switch err := t.fleet.Lexicon.CheckAlias(name, means); {
	case errors.Is(err, grammar.ErrAliasTaken):
		return no("a host, a group or something else here has that name")
	case err != nil:
		return no(err.Error())
	}
	if _, had := mine[name]; !had && len(mine) >= maxAliases {
		return no(fmt.Sprintf("you have %d aliases, and that is the most: forget one first", len(mine)))
	}
	return nil
}

// listAliases lists the person's aliases, and which of them mean nothing now.
func (b *Bot) listAliases(t *turn, mine map[string]string) Reply {
	if len(mine) == 0 {
		return tell(ExitOK, "✔ You have no aliases.", "One is made like this: alias frobnicate = restart")
	}
	text := []string{fmt.Sprintf("✔ What you let stand for other words: %d", len(mine))}
	for _, name := range slices.Sorted(maps.Keys(mine)) {
		l := clean(name, 40) + " = " + clean(mine[name], 200)
		if err := t.fleet.Lexicon.CheckAlias(name, mine[name]); err != nil {
			l += " (not used: " + err.Error() + ")"
		}
		text = append(text, l)
	}
	r := tell(ExitOK, text...)
	r.Private = true
	return r
}

// memoryAliases are [Aliases] that last as long as the program.
type memoryAliases struct {
	mu sync.Mutex
	of map[string]map[string]string
}

func (m *memoryAliases) Of(person jid.JID) map[string]string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.of[person.Bare().String()]
}

func (m *memoryAliases) Put(_ context.Context, person jid.JID, name, means string) error {
	m.change(person, func(all map[string]string) { all[name] = means })
	return nil
}

func (m *memoryAliases) Drop(_ context.Context, person jid.JID, name string) error {
	m.change(person, func(all map[string]string) { delete(all, name) })
	return nil
}

func (m *memoryAliases) change(person jid.JID, f func(map[string]string)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	key := person.Bare().String()
	all := map[string]string{}
	maps.Copy(all, m.of[key])
	f(all)
	if m.of == nil {
		m.of = map[string]map[string]string{}
	}
	m.of[key] = all
}

// aliasOffer is how an unknown word could be made one's own, or "".
func aliasOffer(word, means string, lex *grammar.Lexicon) string {
	word = strings.ToLower(word)
	if lex.CheckAlias(word, means) != nil {
		return ""
	}
	return "Make it yours: alias " + clean(word, 40) + " = " + means
}
