package grammar

import (
	"strings"
	"testing"
)

// TestBatches: whatever the words, a change that shall not be everywhere at once
// never is; it is offered as steps.
func TestBatches(t *testing.T) {
	lx := testLexicon(t)
	const order = "restart nginx on the web servers"
	phrases := 0
	err := readClasses("english.txt", englishText, func(phrase string, c closed) {
		if c.class != "batch" {
			return
		}
		phrases++
		var ways []string
		want := []string{"restart nginx on web[01-02]; then restart nginx on web[03-04]"}
		if c.value == "1" {
			ways = []string{phrase}
			want = []string{"restart nginx on web01; then restart nginx on web02; then restart nginx on web03; then restart nginx on web04"}
		} else {
			ways = []string{"2 " + phrase, "two " + phrase, phrase + " 2", phrase + " two"}
		}
		for _, way := range ways {
			for _, line := range []string{order + " " + way, order + ", " + way, way + " " + order} {
				r := turns(lx, line)
				if r.Status == OK {
					t.Errorf("%q runs: %s", line, r.Canonical)
				}
				if !strings.HasPrefix(line, way) && strings.Join(r.Suggestions, "|") != want[0] {
					t.Errorf("%q: %q %q", line, r.Question, r.Suggestions)
				}
			}
		}
	})
	if err != nil || phrases < 20 {
		t.Errorf("%d phrases, %v", phrases, err)
	}
	for line, want := range map[string]string{
		"restart nginx on web01 one by one":                               "restart nginx on web01",
		"reload nginx on web01 and web02 and then nginx on web03 rolling": "",
		"reboot everything one at a time":                                 "",
	} {
		r := turns(lx, line)
		if r.Status == OK || want != "" && strings.Join(r.Suggestions, "|") != want {
			t.Errorf("%q: %s %q %q", line, r.Status, r.Question, r.Suggestions)
		}
	}
}
