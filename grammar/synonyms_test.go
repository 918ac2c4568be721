package grammar

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// ambiguousWords are phrases that mean another method too, or another one
// rather, in the sentence that TestSynonyms makes of them; with the reason.
var ambiguousWords = map[string]string{
	"presence.set: presence set": "its mood is only said by phrases that carry it",
	"presence.set: presence.set": "its mood is only said by phrases that carry it",
}

// kinLines are what a phrase that needs "kin" goes on with, by family.
var kinLines = map[string]string{"job": "job.list", "alert": "alert.list", "presence": "mood on web01"}

// sentencesOf are sentences in which a phrase of the vocabulary is said with
// what it and its verb need.
func sentencesOf(lx *Lexicon, v *verb, p *phrase) []string {
	said := map[string]bool{}
	gap := ""
	var with []string
	if v.Hosts {
		gap = "web01"
	}
	for _, a := range v.Args {
		if _, carried := p.set[a.Name]; carried || !a.Required && !slices.Contains(p.needs, a.Name) || said[a.Name] {
			continue
		}
		said[a.Name] = true
		with = append(with, valueFor(a))
	}
	where := ""
	if slices.Contains(p.needs, "where") {
		where = " under 10%"
	}
	if slices.Contains(p.needs, "noun") {
		gap = "hosts"
	}
	if slices.Contains(p.needs, "match") && !said["match"] {
		with = append(with, `"timeout"`)
	}
	args := strings.Join(with, " ")
	on := ""
	if v.Hosts && !slices.Contains(p.needs, "-hosts") && gap == "web01" {
		on = " on web01"
	}
	var pieces []string
	for _, piece := range p.pieces {
		pieces = append(pieces, strings.Join(piece, " "))
	}
	joined := strings.Join(pieces, " ")
	middle := strings.Join(pieces, " "+firstOf(args, gap)+" ")
	out := []string{
		joined + " " + args + on + where,
		args + " " + joined + on + where,
		"which " + joined + " " + args + on + where,
		"is " + args + " " + gap + " " + joined + where,
		joined + " " + gap + " " + args + where,
		gap + " " + joined + " " + args + where,
	}
	if len(p.pieces) > 1 {
		out = append([]string{middle + on + where, middle + where, middle + " " + args + on + where, strings.Join(pieces, " "+gap+" ") + " " + args, strings.Join(pieces, " "+args+" "+gap+" ")}, out...)
	}
	if v.Write {
		out = slices.DeleteFunc(out, func(s string) bool { return strings.HasPrefix(s, "which ") || strings.HasPrefix(s, "is ") })
	}
	return out
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// valueFor says one argument.
func valueFor(a Arg) string {
	switch a.Kind {
	case KindUnit:
		return "nginx"
	case KindPath:
		return "/var/log/syslog"
	case KindRegexp:
		return `"timeout"`
	case KindEnum:
		if len(a.Values) > 0 {
			s, _ := a.Values[0].Value.(string)
			return s
		}
	case KindSeconds:
		return "for 2 hours"
	case KindInt:
		return intro(a) + " 8080"
	case KindID:
		return "8841"
	case KindName, KindCodeSet:
		return "hooks-x"
	case KindUser:
		return "user postgres"
	case KindVersion:
		return "2.3.1"
	case KindDomain:
		return "example.org"
	case KindEndpoint:
		return "example.org:443"
	case KindCheck:
		return "http"
	case KindApp:
		return "api"
	case KindComponent:
		return "checkout"
	case KindBackup:
		return "nightly"
	case KindFailover:
		return "pg-main"
	case KindWorkgroup:
		return "dba"
	case KindPerson:
		return "to bob"
	}
	return ""
}

// means reports whether a reading is the method, or offers it.
func means(lx *Lexicon, r Reading, method string) bool {
	if r.Status == OK {
		return len(r.Commands) == 1 && r.Commands[0].Method == method
	}
	if r.Status != Ambiguous {
		return false
	}
	return slices.ContainsFunc(r.Options, func(o string) bool {
		again := lx.Parse(nil, o, lx.Inventory().Now)
		return again.Status == OK && again.Commands[0].Method == method
	})
}

// TestSynonyms: every phrase of the vocabulary says its method in some sentence,
// and the same sentence with a word that nobody knows, or for a change with a
// letter wrong or a denial, does not.
func TestSynonyms(t *testing.T) {
	lx := testLexicon(t)
	now := lx.Inventory().Now
	phrases, cases := 0, 0
	rng := rand.New(rand.NewPCG(20261120, 2))
	for id := range lx.verbs {
		v := &lx.verbs[id]
		var prev []Reading
		if line := kinLines[family(v.Method)]; line != "" {
			prev = append(prev, lx.Parse(nil, line, now))
		}
		if v.Method == methodConfirm {
			prev = append(prev, lx.Parse(nil, "restart nginx on web01", now))
		}
		for i := range v.phrases {
			p := &v.phrases[i]
			if rng.IntN(sampled) > 0 {
				continue
			}
			phrases++
			name := v.Method + ": " + phraseText(p)
			line := ""
			for _, s := range sentencesOf(lx, v, p) {
				s = strings.Join(strings.Fields(s), " ")
				if r := lx.Parse(prev, s, now); means(lx, r, v.Method) {
					line = s
					break
				}
			}
			why, known := ambiguousWords[name]
			switch {
			case line == "" && !known:
				t.Errorf("%s: said by none of %q", name, sentencesOf(lx, v, p)[:2])
				continue
			case line != "" && known:
				t.Errorf("%s is said now: take it from the list (%s)", name, why)
			case line == "":
				continue
			}
			misses := nearMisses(v, p, line)
			if len(misses) > 0 { // one for each phrase, in turn
				misses = misses[phrases%len(misses):][:1]
			}
			for _, miss := range misses {
				cases++
				if r := lx.Parse(prev, miss, now); r.Status == OK && len(r.Commands) > 0 && r.Commands[0].Method == v.Method && !r.Commands[0].DryRun {
					t.Errorf("%s: %q is read as %s", name, miss, r.Canonical)
				}
			}
		}
	}
	if phrases < 5000/sampled || cases < 5000/sampled {
		t.Errorf("only %d phrases and %d near misses", phrases, cases)
	}
	t.Logf("%d phrases, %d near misses", phrases, cases)
}

func phraseText(p *phrase) string {
	var out []string
	for _, piece := range p.pieces {
		out = append(out, strings.Join(piece, " "))
	}
	s := strings.Join(out, " ... ")
	for _, n := range p.needs {
		s += " {" + n + "}"
	}
	return strings.TrimSpace(s)
}

// nearMisses are sentences that look like one and are none.
func nearMisses(v *verb, p *phrase, line string) []string {
	if !v.Write {
		if v.open >= 0 || v.kinds[KindText] || v.Method == methodHelp {
			return nil // takes words that nobody knows
		}
		return []string{line + " zyxwv"}
	}
	if v.Method == methodCancel || v.Method == methodConfirm {
		return []string{line + " zyxwv"}
	}
	out := []string{"don't " + line, line + " zyxwv", "why did you " + line}
	if len(p.pieces) > 0 {
		if w := slices.MaxFunc(p.pieces[0], func(a, b string) int { return len(a) - len(b) }); len(w) > 4 {
			k := len(w) / 2
			out = append(out, strings.Replace(line, w, w[:k]+w[k:k+1]+w[k:], 1))
		}
	}
	return out
}
