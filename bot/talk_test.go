package bot

import (
	"encoding/xml"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/tools/txtar"
	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"adminbot/agentapi"
)

// TestTalk plays the conversations in testdata/talk. A line is one of
//
//	alice> what she says          (alice@example.net; "ops/alice>" says it in a room;
//	                              alert-web01 is that of an alert about web01)
//	bot>   what the bot answers   (to whoever spoke; "bot to bob>" and "bot in ops>" otherwise)
//	! command                     (something happens in the world)
//	hosts: what was changed on hosts since the last such line
//
// Commands: after DURATION; down HOST; up HOST; deaf HOST; slow HOST DURATION;
// fails HOST TEXT; denies HOST; full HOST PERCENT; add HOST FACTS SERVICE;
// sad HOST TEXT; hosts N; late DURATION (of the next line); encrypted;
// correct (the line before the next one); again (the next line has the id of the
// one before it); audit broken; cut (the bot's connection is broken), resumed; lost
// (so is its session), back (it has a new one and looked who is there); edits
// (clients show corrected messages in the place of the first version).
func TestTalk(t *testing.T) {
	files, err := filepath.Glob("testdata/talk/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no testdata/talk", err)
	}
	for _, file := range files {
		ar, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for i, f := range ar.Files {
			t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar")+"/"+f.Name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					want := strings.TrimRight(string(f.Data), "\n")
					got := play(t, want)
					ar.Files[i].Data = []byte(got + "\n")
					if !*update && got != want {
						t.Errorf("got\n%s\nwant\n%s", got, want)
					}
				})
			})
		}
		if *update {
			if err := writeFile(file, txtar.Format(ar)); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// play carries out a script and returns it with what really happened.
func play(t *testing.T, script string) string {
	w := newWorld(t, smallFleet()...)
	var out []string
	var extra []xml.Token
	n, before, again, exported := 0, "", false, false
	report := func(speaker string) {
		for _, m := range w.take() {
			who := "bot> "
			switch {
			case m.typ == stanza.GroupChatMessage:
				who = "bot in " + m.to.Localpart() + "> "
			case m.to.Localpart() != speaker:
				who = "bot to " + m.to.Localpart() + "> "
			}
			if m.edit {
				who = strings.TrimSuffix(who, "> ") + " (edit)> "
			}
			lines := chatLines
			if m.typ == stanza.GroupChatMessage {
				lines = roomLines
			}
			body := strings.TrimPrefix(m.body, speaker+": ")
			exported = strings.Contains(body, " as csv ·") || strings.Contains(body, " as json ·") || exported && strings.HasPrefix(body, "✔ more of")
			if !exported { // lines for programs are as long as they are
				checkReply(t, body, lines)
			}
			out = append(out, who+strings.ReplaceAll(m.body, "\n", "\n"+strings.Repeat(" ", 5)))
		}
	}
	speaker := ""
	for _, l := range strings.Split(script, "\n") {
		switch {
		case strings.HasPrefix(l, "bot"), strings.HasPrefix(l, "     "), l == "":
			continue
		case strings.HasPrefix(l, "hosts:"):
			out = append(out, strings.TrimSpace("hosts: "+strings.Join(w.done(), ", ")))
		case l == "! again":
			out = append(out, l)
			again = true
		case strings.HasPrefix(l, "! "):
			out = append(out, l)
			extra = append(extra, w.happen(l[2:], before)...)
			report(speaker)
		case strings.Contains(l, "> "):
			out = append(out, l)
			who, text, _ := strings.Cut(l, "> ")
			if !again {
				n++
			}
			again = false
			id := fmt.Sprint("m", n)
			if room, nick, ok := strings.Cut(who, "/"); ok {
				speaker = nick
				if nick != "ghost" {
					w.real[nick] = jid.MustParse(nick + "@example.net/phone")
				}
				w.say(room+"@conference.example.net/"+nick, text, id, stanza.GroupChatMessage, extra...)
			} else {
				speaker = who
				w.say(who+"@example.net/phone", text, id, stanza.ChatMessage, extra...)
			}
			before, extra = id, nil
			report(speaker)
		default:
			t.Fatalf("script: %q", l)
		}
	}
	return strings.Join(out, "\n")
}

// happen changes the world; it returns children for the next message.
func (w *world) happen(command, before string) []xml.Token {
	f := strings.Fields(command)
	arg := func(i int) string {
		if i < len(f) {
			return f[i]
		}
		w.t.Fatalf("script: %q is short of words", command)
		return ""
	}
	duration := func(s string) time.Duration {
		d, err := time.ParseDuration(s)
		if err != nil {
			w.t.Fatal(err)
		}
		return d
	}
	change := func(f func(h *fakeHost)) {
		h := w.hosts[arg(1)]
		h.mu.Lock()
		defer h.mu.Unlock()
		f(h)
	}
	element := func(space, local string, attrs ...string) []xml.Token {
		return []xml.Token{startTag(space, local, attrs...), endTag(space, local)}
	}
	switch arg(0) {
	case "after":
		time.Sleep(duration(arg(1)))
	case "down":
		w.hosts[arg(1)].show(false, agentapi.Mood{})
	case "up":
		w.hosts[arg(1)].show(true, agentapi.Mood{Mood: agentapi.Happy})
	case "sad":
		w.hosts[arg(1)].show(true, agentapi.Mood{Mood: agentapi.Sad, Score: 40, Reasons: []agentapi.MoodReason{{Check: "x", Points: 40, Text: strings.Join(f[2:], " ")}}})
	case "deaf":
		change(func(h *fakeHost) { h.deaf = true })
	case "hears":
		change(func(h *fakeHost) { h.deaf, h.slow = false, 0 })
	case "slow":
		change(func(h *fakeHost) { h.slow = duration(arg(2)) })
	case "fails":
		change(func(h *fakeHost) { h.fails = strings.Join(f[2:], " ") })
	case "denies":
		change(func(h *fakeHost) { h.denies = true })
	case "full":
		change(func(h *fakeHost) { h.full, _ = strconv.ParseFloat(arg(2), 64) })
	case "add":
		w.add(host(arg(1), arg(2), f[3:]...))
		time.Sleep(time.Second)
	case "hosts":
		n, _ := strconv.Atoi(arg(1))
		for i := range n {
			h := host(fmt.Sprintf("app%03d", i+1), "role=app env=staging", "nginx")
			w.add(h)
		}
		time.Sleep(time.Minute)
	case "late":
		return element(nsDelay, "delay", "stamp", time.Now().Add(-duration(arg(1))).UTC().Format(time.RFC3339))
	case "encrypted":
		list := []xml.Token{startTag(nsOMEMO, "encrypted")}
		list = append(list, element(nsOMEMO, "payload")...)
		return append(list, endTag(nsOMEMO, "encrypted"))
	case "correct":
		return element(nsCorrect, "replace", "id", before)
	case "edits":
		w.edits.Store(true)
	case "cut", "resumed":
		w.cut.Store(arg(0) == "cut")
	case "lost":
		w.cut.Store(true)
		w.fleet.Down()
	case "back":
		w.cut.Store(false)
		w.fleet.Back()
	case "audit":
		w.log.mu.Lock()
		w.log.broken = true
		w.log.mu.Unlock()
	default:
		w.t.Fatalf("script: unknown command %q", command)
	}
	time.Sleep(time.Second) // a snapshot of what changed
	synctest.Wait()
	return nil
}
