package workgroups

import (
	"context"
	"encoding/xml"
	"errors"
	"testing"
	"testing/synctest"

	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"
)

// deaf is a wire to nobody.
type deaf struct{}

func (deaf) RoundTripIQ(context.Context, stanza.IQ, xml.TokenReader) (stanza.IQ, xml.TokenReader, error) {
	return stanza.IQ{}, nil, stanza.Error{Condition: stanza.ServiceUnavailable}
}
func (deaf) Send(context.Context, xml.TokenReader) error { return nil }
func (deaf) Barrier(context.Context) error               { return nil }

// TestGiveUp shows what becomes of those who do not wait for the disk: what the
// loop has begun with is done, and its outcome told; what waits behind it is not.
func TestGiveUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := make(chan struct{})
		store := &Memory{Fail: func([]Change) error { <-disk; return nil }}
		s, err := New(Config{Domain: jid.MustParse("workgroup.example.net"), Groups: []Workgroup{{Name: "alerts"}}, Store: store, Wire: deaf{}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go s.Run(ctx)
		impatient, giveUp := context.WithCancel(t.Context())
		report := func(summary string) chan error {
			done := make(chan error, 1)
			go func() {
				_, err := s.Report(impatient, Report{Workgroup: "alerts", Summary: summary})
				done <- err
			}()
			synctest.Wait()
			return done
		}
		begun, behind := report("begun"), report("behind")
		giveUp()
		synctest.Wait()
		if err := <-behind; !errors.Is(err, context.Canceled) {
			t.Errorf("who waits behind is told %v", err)
		}
		close(disk)
		if err := <-begun; err != nil {
			t.Errorf("who was begun with is told %v", err)
		}
		all, err := s.Alerts(t.Context(), "alerts")
		if err != nil || len(all) != 1 || all[0].Summary != "begun" {
			t.Errorf("%v, %v", all, err)
		}
	})
}
