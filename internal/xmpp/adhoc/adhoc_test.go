package adhoc_test

import (
	"reflect"
	"testing"

	"adminbot/internal/xmpp/adhoc"
	"adminbot/internal/xmpp/element"
	"adminbot/internal/xmpp/form"
)

func TestRoundTrip(t *testing.T) {
	submit := form.Submit(map[string]string{"alert": "17"})
	for name, c := range map[string]adhoc.Command{
		"begin":  {Node: "take", Action: adhoc.Execute},
		"answer": {Node: "take", Session: "s", Status: adhoc.Executing, Default: adhoc.Next, Actions: []string{adhoc.Prev, adhoc.Next}, Form: &form.Form{Type: "form", Title: "t"}},
		"submit": {Node: "take", Session: "s", Action: adhoc.Complete, Form: &submit},
		"end":    {Node: "take", Session: "s", Status: adhoc.Completed, Note: "done <&>", NoteType: adhoc.Info},
	} {
		t.Run(name, func(t *testing.T) {
			e, err := element.Read(c.Element().TokenReader())
			if err != nil {
				t.Fatal(err)
			}
			if got := adhoc.Parse(e); !reflect.DeepEqual(got, c) {
				t.Errorf("%+v\nwant %+v", got, c)
			}
		})
	}
}
