package grammar

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// An englishClass says how the phrases of a closed class are tried: in one of
// these conversations (turns divided by bars, the phrase for %) each is read,
// and is not read the same when it is spelt so that nobody knows it.
type englishClass struct {
	lines []string
	held  bool // the phrase keeps the line from running; without it the line runs
	same  bool // the line means the same without the phrase
}

var englishClasses = map[string]englishClass{
	"polite": {same: true, lines: []string{"% restart nginx on web01", "restart nginx on web01 %", "% disk usage on web01", "restart nginx on web01, %", "%, restart nginx on web01", "% . restart nginx on web01"}},
	"plead":  {same: true, lines: []string{"update % the agent on web01 to 2.3.1"}},
	"ask": {lines: []string{"% the disk usage on web01", "% disk usage on web01", "% nginx running on web01", "disk usage on web01 %", "% load on web01", "% hosts are sad", "% web01 up", "disk usage % on web01",
		"% the checks on web01", "% on call", "how % web01", "what % web01", "% restarted nginx on web01", "% hosts", "nginx errors % on web01", "% host has the most memory used", "% of memory used on web01"}},

	"det": {lines: []string{"restart % nginx on web01", "disk on % web servers", "disk on % databases", "disk usage on web01|and % memory"}},
	"prep": {lines: []string{"restart nginx % web01", "disk % web01", "disk usage % nyc", "nginx errors on web01 % 9:00", "drain web01 % 6pm", "log of nginx on web01 % 8 and 9", "top 3 processes on web01 % memory", "restart nginx on web01 % 5 minutes",
		"drain web01 % 2 hours", "update the agent on web01 % 2.3.1", "hosts % nginx", "tell me % web01", "restart nginx on web01 % 3am", "join % dba", "cpu % web01 % web03", "disk % all hosts", "what runs % web01", "hand alert 12 % bob", "connect from web01 % db01:5432", "largest % /var on web01", "processes running % root on web01"}},
	"conj":     {lines: []string{"restart postfix % dovecot on mail", "disk % memory on web01", "ping web01 % web02"}},
	"then":     {lines: []string{"stop nginx on web01 % start nginx on web01"}},
	"except":   {lines: []string{"ping the web servers % web02", "ping % web02", "ping all hosts % web02"}},
	"but":      {lines: []string{"ping all hosts % web02", "thanks, % restart nginx on web01"}},
	"not":      {lines: []string{"hosts that are % in nyc", "hosts % nginx", "web servers with load % over 4", "on which web servers is nginx % active", "hosts % in nyc", "hosts that % run nginx"}},
	"rel":      {lines: []string{"hosts % sad", "hosts % in nyc", "hosts % nginx", "hosts % nyc", "which checks % failing on web01", "hosts % more than 90% cpu"}},
	"only":     {lines: []string{"cpu on the web servers|% the ones in nyc", "cpu on the web servers|% web01", "disk on % the databases"}},
	"all":      {lines: []string{"restart nginx on % web servers", "ping % hosts", "ping % databases", "ping % the databases", "ping % host"}},
	"allhosts": {lines: []string{"ping %", "disk on %", "disk usage %"}},
	"noun":     {lines: []string{"ping all %", "which % has the most memory used", "which % are sad", "which % is the busiest", "ping every %"}},
	"pron":     {lines: []string{"is nginx running on web01|restart %", "disk on web01|memory %", "disk on web01 and web02|memory on %", "alert 12|ack %", "disk on web01|what is % memory", "is nginx running on web01|restart nginx %", "disk on web01|memory of %"}},

	"num":      {lines: []string{"drain web01 for % hours", "% processes on web01", "restart nginx on web01 in % minutes", "run http on web01 % a day", "top % processes on web01"}},
	"half":     {lines: []string{"drain web01 for % an hour", "drain web01 for % a day"}},
	"quarter":  {lines: []string{"drain web01 for % of an hour", "drain web01 for % an hour", "drain web01 for a % of an hour", "drain web01 for % hour"}},
	"unit":     {lines: []string{"drain web01 for 2 %", "drain web01 for 1 %", "backups older than 2 %"}},
	"clock":    {lines: []string{"restart nginx on web01 at %", "drain web01 until %"}},
	"meridiem": {lines: []string{"restart nginx on web01 tomorrow at 7 %", "restart nginx on web01 tomorrow % at 7"}},
	"day":      {lines: []string{"restart nginx on web01 % at 11pm", "nginx errors on web01 %", "restart nginx on web01 % at 11", "sla checkout %"}},
	"weekday":  {lines: []string{"restart nginx on web01 on % at 8am"}},
	"last":     {lines: []string{"nginx errors on web01 % hour", "nginx errors on web01 in % hour"}},
	"next":     {lines: []string{"drain web01 for the % hour", "restart nginx on web01 % monday at 8am"}},
	"ago":      {lines: []string{"nginx errors on web01 since 2 hours %"}},
	"every":    {lines: []string{"run http on web01 % 5 minutes"}},
	"often":    {lines: []string{"run http on web01 %"}},
	"sizeunit": {lines: []string{"hosts with under 500 % memory available"}},
	"percent":  {lines: []string{"hosts with over 90 % cpu"}},
	"cmp":      {lines: []string{"hosts with load % 4", `nginx log on web01 % "timeout"`, "hosts with % 4 load", "hosts where load is % 4", "packages on web01 % curl", "hosts with kernel % 6.1", "hosts whose kernel % 6.1", "hosts with 4 % load"}},
	"ormore":   {lines: []string{"hosts with load 4 %", "hosts with 90% % cpu"}},
	"super":    {lines: []string{"which host has % memory used", "which host has the % load", "which host has % load"}},
	"top":      {lines: []string{"% 3 processes on web01"}},
	"bottom":   {lines: []string{"% 3 hosts by load"}},
	"dir":      {lines: []string{"hosts by load, %", "hosts by load %"}},
	"sortby":   {lines: []string{"hosts % by load", "processes on web01 % by memory"}},

	"again":   {lines: []string{"disk on web01|%", "disk on web01|ping web02|%"}},
	"same":    {lines: []string{"disk on web01|% for web02", "disk on web01|% on web02", "disk on web01|memory on web02|%", "disk on web01|web02 %"}},
	"follow":  {lines: []string{"disk on web01|% web02", "disk on web01|% on web02", "disk on web01|on web02 %", "disk on web01|web02 %", "is nginx running on web01|% restart it", "cpu on the web servers|% the ones in nyc"}},
	"yes":     {lines: []string{"restart nginx on web01|%"}},
	"no":      {lines: []string{"restart nginx on web01|%"}},
	"dry":     {lines: []string{"% restart nginx on web01", "%: restart nginx on web01", "restart nginx on web01 %", "% restarting nginx on web01"}},
	"wish":    {lines: []string{"% nginx restarted on web01", "i need nginx % restarted on web01"}},
	"would":   {lines: []string{"% restarting nginx on web01 do"}},
	"settled": {lines: []string{"alert 903 is %, resolve it"}},
	"outcome": {lines: []string{"restart nginx on web01|%"}},
	"idiom":   {lines: []string{"put web01 on %"}},

	"thanks":   {held: true, lines: []string{"%"}},
	"hypo":     {held: true, lines: []string{"% restart nginx on web01"}},
	"said":     {held: true, lines: []string{"bob % restart nginx on web01"}},
	"takeback": {held: true, lines: []string{"restart nginx on web01 %", "restart nginx on web01, %"}},
}

// englishElsewhere are classes that only take part in what the words around
// them mean, and where that is tried.
var englishElsewhere = map[string]string{
	"past":    "with statements, in not-a-command.txt",
	"subject": "with statements, in not-a-command.txt",
	"short":   "TestShortForms",
	"batch":   "TestBatches",
}

// scrambled is a phrase with its longest word spelt so that nobody knows it.
func scrambled(phrase string) string {
	w := slices.MaxFunc(strings.Fields(phrase), func(a, b string) int { return len(a) - len(b) })
	return strings.Replace(phrase, w, "zq"+w+"xv", 1)
}

// TestEnglish: every phrase of english.txt is read in some line of its class, and
// that line means something else, or nothing, with the phrase misspelt. What
// keeps lines from running does so, and the line without it runs.
func TestEnglish(t *testing.T) {
	lx := testLexicon(t)
	now := lx.Inventory().Now
	read := func(line string) Reading {
		var prev []Reading
		turns := strings.Split(line, "|")
		for _, l := range turns[:len(turns)-1] {
			prev = append(prev, lx.Parse(prev, l, now))
		}
		return lx.Parse(prev, turns[len(turns)-1], now)
	}
	with := func(line, phrase string) string { return strings.TrimSpace(strings.ReplaceAll(line, "%", phrase)) }
	rng := rand.New(rand.NewPCG(20261120, 3))
	phrases := 0
	err := readClasses("english.txt", englishText, func(phrase string, c closed) {
		class, known := englishClasses[c.class]
		if _, elsewhere := englishElsewhere[c.class]; !known && !elsewhere {
			t.Errorf("class %s has no lines", c.class)
		}
		if !known || rng.IntN(sampled) > 0 {
			return
		}
		phrases++
		if class.held {
			for _, line := range class.lines {
				if r := read(with(line, phrase)); r.Status == OK && slices.ContainsFunc(r.Commands, func(c Command) bool { return lx.write(c.Method) && c.Method != methodCancel }) {
					t.Errorf("%s %q: %q runs: %s", c.class, phrase, with(line, phrase), r.Canonical)
				}
			}
			return
		}
		for _, line := range class.lines {
			r := read(with(line, phrase))
			if r.Status != OK || class.same && r.Canonical != read(strings.Trim(with(line, ""), " ,.")).Canonical {
				continue
			}
			if miss := read(with(line, scrambled(phrase))); miss.Status == OK && miss.Canonical == r.Canonical {
				continue // the line does not need it
			}
			return
		}
		t.Errorf("%s %q is read in none of its lines", c.class, phrase)
	})
	if err != nil {
		t.Fatal(err)
	}
	if phrases < 1000/sampled {
		t.Errorf("only %d phrases", phrases)
	}
	t.Logf("%d phrases", phrases)
}

// TestShortForms: a short form stands for its word in phrases of the vocabulary
// or in closed words, and a longer spelling of it does not.
func TestShortForms(t *testing.T) {
	lx := testLexicon(t)
	found := func(words []string) bool {
		n := lx.find(words)
		return n != nil && len(n.terms)+len(n.closed) > 0
	}
	forms := 0
	err := readClasses("english.txt", englishText, func(short string, c closed) {
		if c.class != "short" {
			return
		}
		forms++
		with := func(words []string, w string) []string {
			out := slices.Clone(words)
			for i := range out {
				if out[i] == c.value {
					out[i] = w
				}
			}
			return out
		}
		said := found([]string{c.value}) && found([]string{short}) && !found([]string{short + "zq"})
		for _, v := range lx.verbs {
			for _, p := range v.phrases {
				for _, piece := range p.pieces {
					said = said || slices.Contains(piece, c.value) && found(with(piece, short)) && !found(with(piece, short+"zq"))
				}
			}
		}
		if !said {
			t.Errorf("%s stands for %s nowhere", short, c.value)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if forms < 35 {
		t.Errorf("only %d short forms", forms)
	}
}
