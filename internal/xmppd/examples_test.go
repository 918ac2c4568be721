package xmppd

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"

	"adminbot/internal/account"
)

// example returns an example of XEP-0198, from its text; white space between
// elements is left out, and {} stands for the numbers and ids that it made up.
func example(t *testing.T, number string) string {
	t.Helper()
	files, err := filepath.Glob("testdata/xep-0198/" + number + "-*.xml")
	if err != nil || len(files) != 1 {
		t.Fatalf("example %s: %v, %v", number, files, err)
	}
	b, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	s := regexp.MustCompile(`>\s+<`).ReplaceAllString(strings.TrimSpace(string(b)), "><")
	return strings.NewReplacer("another-sequence-number", "{}", "some-long-sm-id", "{}").Replace(s)
}

// sameElement reports whether two elements say the same: attributes in any order, and
// the server may say more in its start tag.
func sameElement(want, got string) bool {
	start, rest, _ := strings.Cut(want, ">")
	have, body, _ := strings.Cut(got, ">")
	fields := strings.Fields(strings.TrimSuffix(start, "/"))
	for _, f := range fields[1:] {
		pattern := strings.ReplaceAll(regexp.QuoteMeta(f), `\{\}`, `[^']*`)
		if !regexp.MustCompile(" " + pattern).MatchString(have) {
			return false
		}
	}
	return strings.HasPrefix(have, fields[0]+" ") && body == rest
}

// TestExamples sends what clients send in XEP-0198 and expects what servers
// answer there.
func TestExamples(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStage(t, nil)
		st.store.quick(t, "alice", account.User)
		exchange := func(p *peer, ask, answer string) string {
			t.Helper()
			p.send(t, ask)
			got := p.next(t)
			if want := example(t, answer); !sameElement(want, got) {
				t.Errorf("got %s, want %s", got, want)
			}
			return got
		}
		early := st.connect(t)
		early.send(t, streamOpen)
		early.next(t)
		early.next(t)
		exchange(early, example(t, "001"), "004") // before login
		auth := st.connect(t)
		auth.auth(t, "alice")
		exchange(auth, example(t, "001"), "005") // before a resource
		alice := st.login(t, "alice", "x")
		enabled := exchange(alice, example(t, "011"), "012")
		exchange(alice, example(t, "001"), "018") // again
		names := map[string]string{}
		learns(names, "<enabled xmlns='urn:xmpp:sm:3' id='{id}' resume='true' max='{}'/>", enabled)
		alice.lose(t)
		resume := "<resume xmlns='urn:xmpp:sm:3' h='0' previd='" + names["id"] + "'/>"
		exchange(auth, resume, "016")
		auth.send(t, "</stream:stream>")
		auth.next(t)
		synctest.Wait()
		late := st.connect(t)
		late.auth(t, "alice")
		exchange(late, resume, "017")
	})
}
