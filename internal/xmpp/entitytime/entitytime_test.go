package entitytime_test

import (
	"testing"
	"time"

	"adminbot/internal/xmpp/element"
	"adminbot/internal/xmpp/entitytime"
)

func TestRoundTrip(t *testing.T) {
	want := time.Date(2006, 12, 19, 17, 58, 35, 123e6, time.FixedZone("", -6*3600))
	e := entitytime.Element(want)
	if tzo := e.ChildText("tzo"); tzo != "-06:00" { // XEP-0202 example 2
		t.Errorf("tzo %s", tzo)
	}
	got, precise, err := entitytime.Parse(e)
	if err != nil || !precise || !got.Equal(want) {
		t.Errorf("%v, %t, %v", got, precise, err)
	}
}

func TestParse(t *testing.T) {
	utc := func(s string) *element.Element { return entitytime.Query().AddText("utc", s) }
	got, precise, err := entitytime.Parse(utc("2006-12-19T17:58:35Z"))
	if err != nil || precise || got.Unix() != 1166551115 {
		t.Errorf("%v, %t, %v", got, precise, err)
	}
	for _, bad := range []string{"", "now", "2006-12-19", "2006-12-19T17:58:35", "20061219T17:58:35Z"} {
		if got, _, err := entitytime.Parse(utc(bad)); err == nil {
			t.Errorf("%q is read as %v", bad, got)
		}
	}
}
