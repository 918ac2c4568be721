package xmppd

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"adminbot/internal/muc"
)

// TestDocs checks that docs/server.md says what the limits are.
func TestDocs(t *testing.T) {
	page, err := os.ReadFile("../../docs/server.md")
	if err != nil {
		t.Fatal(err)
	}
	l, r := Limits{}.withDefaults(), muc.Limits{}.WithDefaults()
	for _, want := range []string{
		fmt.Sprintf("within | %.0f min |", l.Hibernate.Minutes()),
		fmt.Sprintf("meanwhile | %.0f s |", l.HibernateHost.Seconds()),
		fmt.Sprintf("acknowledge | %d MiB (bot: %d MiB), %d,000 stanzas |", (l.Queue+l.Unacked)>>20, (l.BotQueue+l.Unacked)>>20, l.UnackedStanzas/1000),
		fmt.Sprintf("lost clients of one account | %d MiB (bot: %d MiB) |", l.heldLost(l.Queue)>>20, l.heldLost(l.BotQueue)>>20),
		fmt.Sprintf("together | %d MiB |", l.Hibernating>>20),
		fmt.Sprintf("after %.0f s of silence and cut %.0f s later", l.MachinePing.Seconds(), l.MachineCut.Seconds()),
		fmt.Sprintf("every %.0f s and finds out within a minute", (l.Vanished * 2 / 3).Seconds()),
		fmt.Sprintf("asks after %.0f minutes", l.IdlePing.Minutes()),
		fmt.Sprintf("%d,000 connections", l.Unauthed/1000),
		fmt.Sprintf("%d KiB; before login %d,000 bytes |", l.Stanza>>10, l.LoginStanza/1000),
		fmt.Sprintf("%d MiB (bot: %d MiB), then it is cut |", l.Queue>>20, l.BotQueue>>20),
		fmt.Sprintf("sessions of one account | %d MiB (bot: %d MiB), then", l.held(l.Queue)>>20, l.held(l.BotQueue)>>20),
		fmt.Sprintf("log in | %.0f s, %d tries |", l.LoginTime.Seconds(), l.LoginTries),
		fmt.Sprintf("account | %d; lost", l.Sessions),
		fmt.Sprintf("away | %d, %d MiB;", l.Messages, l.MessageBytes>>20),
		fmt.Sprintf("Rooms | %d,000; made by one account %d;", r.Rooms/1000, r.RoomsEach),
		fmt.Sprintf("In one room | %d;", r.Occupants),
		fmt.Sprintf("times its clients | %d |", r.Joined),
		fmt.Sprintf("banned of one room | %d,000 |", r.Affiliations/1000),
		fmt.Sprintf("One message | %d KiB; one presence %d KiB |", r.MessageBytes>>10, r.PresenceBytes>>10),
		fmt.Sprintf("%d messages at once, then %d a second", r.Burst, time.Second/r.Every),
		fmt.Sprintf("of the last %d as", r.History),
		fmt.Sprintf("Archive of one room | %d,000 messages, %d MiB, one year |", r.Archive.Messages/1000, r.Archive.Bytes>>20),
		fmt.Sprintf("All archives | %d GiB |", r.Total>>30),
	} {
		if !strings.Contains(string(page), want) {
			t.Errorf("docs/server.md does not say %q", want)
		}
	}
	if l.Vanished.Minutes() != 1 || l.UnauthedShare*2 != l.Unauthed || l.SenderShare != 5 {
		t.Errorf("docs/server.md says otherwise than %+v", l)
	}
}
