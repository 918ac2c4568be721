package grammar

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// spokenTimes writes clock times and dates that are said in words the way they
// are typed: half past three is 3:30, May 20th is 2026-05-20.
func spokenTimes(words []word, now time.Time) []word {
	if !slices.ContainsFunc(words, func(w word) bool {
		return w.text == "past" || w.text == "to" || months[w.text] > 0 || oclock(w.text) || clockLeads[w.text] || ofMonth(w.text) > 0
	}) {
		return words
	}
	var out []word
	for i := 0; i < len(words); {
		text, n := clockInWords(words[i:])
		if n == 0 && i > 0 && clockLeads[words[i-1].text] {
			text, n = clockInDigits(words[i:])
		}
		if n == 0 {
			text, n = dateInWords(words[i:], now)
		}
		named := i+2 < len(words) && (words[i+2].text == "of" || months[words[i+2].text] > 0) // the 31st of June
		if n == 0 && i > 0 && i+1 < len(words) && words[i].text == "the" && ofMonth(words[i+1].text) > 0 && !named {
			text = dayOfMonth(words[i-1].text, ofMonth(words[i+1].text), now)
			if text != "" {
				n = 2
			}
		}
		if n == 0 {
			out = append(out, words[i])
			i++
			continue
		}
		out = append(out, word{text: text, raw: text, col: words[i].col})
		i += n
	}
	return out
}

// splitCounts cuts "top5" and "last20" behind the word, unless something is
// called so, and takes "tail -50" for tail 50.
func (lx *Lexicon) splitCounts(words []word) []word {
	for i := 0; i < len(words); i++ {
		w := words[i]
		if n, ok := strings.CutPrefix(w.text, "-"); ok && i > 0 && words[i-1].text == "tail" {
			if _, number := digits(n); number {
				words = slices.Clone(words)
				words[i] = word{text: n, raw: n, col: w.col + 1}
				continue
			}
		}
		for _, lead := range []string{"top", "last"} {
			n, ok := strings.CutPrefix(w.text, lead)
			if _, number := digits(n); !ok || !number || w.quoted || lx.root.kids[w.text] != nil {
				continue
			}
			count := word{text: n, raw: n, col: w.col + len(lead)}
			words = slices.Concat(words[:i], []word{{text: lead, raw: w.raw[:len(lead)], col: w.col}, count}, words[i+1:])
			break
		}
	}
	return words
}

var hoursInWords = []string{"twelve", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven"}

// clockInWords reads "half past three", "quarter to 4" and "three o'clock"; n is
// how many words that took.
func clockInWords(words []word) (text string, n int) {
	at := func(i int) string {
		if i < len(words) && !words[i].quoted {
			return words[i].text
		}
		return ""
	}
	hour := func(i int) (int, bool) {
		if k := slices.Index(hoursInWords, at(i)); k >= 0 {
			return k, true
		}
		h, ok := digits(at(i))
		return h, ok && h < 24
	}
	i := 0
	if at(0) == "a" && at(1) == "quarter" {
		i = 1
	}
	minutes, known := map[string]int{"half": 30, "quarter": 15}[at(i)]
	if h, ok := hour(i + 2); ok && known && (at(i+1) == "past" || at(i+1) == "to" && minutes == 15) {
		if at(i+1) == "to" {
			h, minutes = (h+23)%24, 60-minutes
			if at(i+2) == "one" || at(i+2) == "1" {
				h = 12
			}
		}
		return fmt.Sprintf("%d:%02d", h, minutes), i + 3
	}
	if h, ok := hour(0); ok && oclock(at(1)) {
		return fmt.Sprintf("%d:00", h), 2
	}
	return "", 0
}

func oclock(w string) bool { return w == "o'clock" || w == "oclock" }

// clockLeads are the words behind which digits that are a time elsewhere are one
// here too. What follows "since" and "for" is rather a length of time.
var clockLeads = map[string]bool{"at": true, "@": true, "until": true, "till": true, "til": true, "by": true}

// clockInDigits reads the ways to type a time of day that are a number or a length
// of time in other places: 18h, 18h30, 18.30, 0630, 6.30pm, 18:30 h.
func clockInDigits(words []word) (text string, n int) {
	s := words[0].text
	if words[0].quoted || s == "" || !isDigit(rune(s[0])) {
		return "", 0
	}
	mer := ""
	for _, m := range []string{"am", "pm"} {
		if base, ok := strings.CutSuffix(s, m); ok {
			s, mer = base, m
		}
	}
	hour, minute := s, ""
	if i := strings.IndexAny(s, "h.:"); i >= 0 {
		hour, minute = s[:i], strings.TrimSuffix(s[i+1:], "h")
	} else if len(s) == 4 && mer == "" {
		hour, minute = s[:2], s[2:]
	}
	n = 1
	if len(words) > 1 && mer == "" && (words[1].text == "h" || words[1].text == "hrs" || words[1].text == "hours") {
		n = 2 // 18:30 h
	}
	if minute == "" && (strings.HasSuffix(s, "h") || n == 2 && words[1].text == "h") {
		minute = "00"
	}
	h, ok1 := digits(hour)
	m, ok2 := digits(minute)
	if !ok1 || !ok2 || len(hour) > 2 || len(minute) != 2 || h > 23 || m > 59 || mer != "" && (h > 12 || h == 0) {
		return "", 0
	}
	return fmt.Sprintf("%d:%02d%s", h, m, mer), n
}

var months = map[string]time.Month{
	"january": 1, "jan": 1, "february": 2, "feb": 2, "march": 3, "mar": 3, "april": 4, "apr": 4, "may": 5, "june": 6, "jun": 6,
	"july": 7, "jul": 7, "august": 8, "aug": 8, "september": 9, "sep": 9, "sept": 9, "october": 10, "oct": 10, "november": 11, "nov": 11, "december": 12, "dec": 12,
}

// ofMonth is the day that "24th" says, or 0.
func ofMonth(s string) int {
	if len(s) < 3 || len(s) > 4 || !slices.Contains([]string{"st", "nd", "rd", "th"}, s[len(s)-2:]) {
		return 0
	}
	d, ok := digits(s[:len(s)-2])
	if !ok || d > 31 {
		return 0
	}
	return d
}

// dayOfMonth is the date of "on the 24th", the next one, or of "since the 24th",
// the latest one; "" behind other words.
func dayOfMonth(lead string, d int, now time.Time) string {
	past := lead == "since" || lead == "from"
	if !past && !slices.Contains([]string{"on", "until", "till", "til", "by"}, lead) {
		return ""
	}
	for k := range 3 {
		if past {
			k = -k
		}
		when := time.Date(now.Year(), now.Month()+time.Month(k), d, 0, 0, 0, 0, now.Location())
		if when.Day() == d && (past && !when.After(now) || !past && !when.AddDate(0, 0, 1).Before(now)) {
			return when.Format("2006-01-02")
		}
	}
	return ""
}

// dateInWords reads "May 20", "20 May", "the 20th of May": the one nearest to now.
func dateInWords(words []word, now time.Time) (text string, n int) {
	at := func(i int) string {
		if i < len(words) && !words[i].quoted {
			return words[i].text
		}
		return ""
	}
	day := func(i int) int {
		s := at(i)
		for _, end := range []string{"st", "nd", "rd", "th"} {
			s = strings.TrimSuffix(s, end)
		}
		d, ok := digits(s)
		if !ok || d < 1 || d > 31 || len(s) > 2 {
			return 0
		}
		return d
	}
	i := 0
	if at(0) == "the" {
		i = 1
	}
	var d int
	var m time.Month
	switch {
	case day(i) > 0 && at(i+1) == "of" && months[at(i+2)] > 0:
		d, m, n = day(i), months[at(i+2)], i+3
	case day(i) > 0 && months[at(i+1)] > 0:
		d, m, n = day(i), months[at(i+1)], i+2
	case i == 0 && months[at(0)] > 0 && day(1) > 0 && at(2) != ":":
		d, m, n = day(1), months[at(0)], 2
	default:
		return "", 0
	}
	when := time.Date(now.Year(), m, d, 0, 0, 0, 0, now.Location())
	switch half := 183 * 24 * time.Hour; {
	case when.Before(now.Add(-half)):
		when = when.AddDate(1, 0, 0)
	case when.After(now.Add(half)):
		when = when.AddDate(-1, 0, 0)
	}
	if when.Day() != d {
		return "", 0 // the 31st of June
	}
	return when.Format("2006-01-02"), n
}
