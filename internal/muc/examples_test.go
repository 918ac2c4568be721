package muc_test

import (
	"context"
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"mellium.im/xmpp/jid"

	"adminbot/internal/muc"
	"adminbot/internal/muc/muctest"
	"adminbot/internal/xmpp/element"
	"adminbot/internal/xmpp/example"
)

// TestExamples plays the scripts in testdata/examples, in which clients send and
// get what XEP-0045 prints. The lines are
//
//	send N       what example N prints is sent, by those whom it is from
//	expect N     those whom it is to have got it, and maybe more
//	> XML        sent as well
//	none JID     that client has got nothing
//	end          the service shuts down
//	clear        what all have got until now is not looked at again
func TestExamples(t *testing.T) {
	files, err := filepath.Glob("testdata/examples/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".txt"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { playExamples(t, f) })
		})
	}
}

// A coven is a service whose clients come into being when they send something.
type coven struct {
	*muc.Service
	store   *muctest.Memory
	clients map[string]*muctest.Client
}

func newCoven(t testing.TB, change func(*muc.Options)) *coven {
	t.Helper()
	c := &coven{store: new(muctest.Memory), clients: map[string]*muctest.Client{}}
	opt := muc.Options{
		Domain: "chat.shakespeare.lit", Store: c.store,
		Route: func(_ context.Context, _ jid.JID, stanza []byte) {
			to, err := element.Read(decoder(string(stanza)))
			if err != nil {
				t.Error(err)
				return
			}
			c.client(to.Get("to")).Send(stanza)
		},
	}
	if change != nil {
		change(&opt)
	}
	var err error
	if c.Service, err = muc.New(opt); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *coven) client(address string) *muctest.Client {
	if c.clients[address] == nil {
		c.clients[address] = new(muctest.Client)
	}
	return c.clients[address]
}

func (c *coven) send(t testing.TB, stanza string) {
	t.Helper()
	st := muctest.Stanza(t, stanza)
	c.Handle(t.Context(), c.client(st.From.String()), st)
}

// exampleOf returns the stanzas that an example of XEP-0045 prints, by its number.
func exampleOf(t *testing.T, number string) []string {
	t.Helper()
	files, err := filepath.Glob(fmt.Sprintf("testdata/xep-0045/%s-*.xml", number))
	if err != nil || len(files) != 1 {
		t.Fatalf("example %s: %v, %v", number, files, err)
	}
	b, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	return regexp.MustCompile(`(?s)<(message|presence|iq)[ \n](?:[^>]*[^/])?(?:/>|>.*?</(message|presence|iq)>)`).FindAllString(string(b), -1)
}

func playExamples(t *testing.T, file string) {
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	c := newCoven(t, nil)
	got := map[string][]*element.Element{}
	look := func() {
		for address, client := range c.clients {
			for _, s := range client.Take() {
				e, err := element.Read(decoder(s))
				if err != nil {
					t.Fatalf("%s: %v", s, err)
				}
				got[address] = append(got[address], e)
			}
		}
	}
	for i, line := range strings.Split(string(b), "\n") {
		t.Logf("%s:%d %s", file, i+1, line)
		word, rest, _ := strings.Cut(line, " ")
		switch word {
		case "", "#":
		case ">":
			c.send(t, rest)
		case "send":
			for _, s := range exampleOf(t, rest) {
				c.send(t, s)
			}
		case "end":
			c.End(t.Context())
		case "clear":
			look()
			clear(got)
		case "none":
			look()
			if len(got[rest]) > 0 {
				t.Fatalf("%s has got %s", rest, got[rest])
			}
		case "expect":
			look()
			all := exampleOf(t, rest)
			if len(all) == 0 {
				t.Fatal("there is nothing in it")
			}
			for _, s := range all {
				want, err := element.Read(decoder(s))
				if err != nil {
					t.Fatalf("%s: %v", s, err)
				}
				if want.Get("type") == "error" && want.Name.Local != "presence" { // what it is about need not be in it
					want.Children = []*element.Element{want.Child("", "error")}
				}
				if d := want.Child("urn:xmpp:delay", "delay"); d != nil {
					d.Attr = slices.DeleteFunc(d.Attr, func(a xml.Attr) bool { return a.Name.Local == "stamp" })
				}
				to := want.Get("to")
				k, why := 0, "it has got nothing"
				for ; k < len(got[to]); k++ {
					if why = example.Missing(got[to][k], want); why == "" {
						break
					}
				}
				if k == len(got[to]) {
					t.Fatalf("%s has not got\n%s\n%s\nbut %s", to, s, why, got[to])
				}
				got[to] = got[to][k+1:]
			}
		default:
			t.Fatal("what is that?")
		}
	}
}
