package logs

import (
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// stampShape is one way in which log lines say when. The layout is time.Parse's;
// year and zone are added where it lacks them.
type stampShape struct {
	re     *regexp.Regexp
	layout string
	leads  bool // what it matches is the time alone, at the line's start
}

var stampShapes = sync.OnceValue(func() []stampShape {
	return []stampShape{
		// 2026-11-20T14:00:00.123456+00:00, with a space, with a comma, with or without a zone.
		{regexp.MustCompile(`^\[?(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:[.,](\d{1,9}))?(?: ?(Z|[+-]\d\d:?\d\d|UTC|GMT))?`), "2006-01-02", true},
		// 2026/11/20 14:00:00 (nginx, Go)
		{regexp.MustCompile(`^(\d{4}/\d\d/\d\d) (\d\d:\d\d:\d\d)(?:[.,](\d{1,9}))?()`), "2006/01/02", true},
		// Nov 20 14:00:00 (RFC 3164)
		{regexp.MustCompile(`^((?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [ \d]\d) (\d\d:\d\d:\d\d)(?:[.,](\d{1,9}))?()`), "Jan _2", true},
		// [20/Nov/2026:14:00:00 +0000] (access logs), wherever it stands near the start
		{regexp.MustCompile(`^[^\[]{0,200}\[(\d\d/[A-Z][a-z]{2}/\d{4}):(\d\d:\d\d:\d\d)()? ([+-]\d{4})\]`), "02/Jan/2006", false},
		// [Fri Nov 20 14:00:00.123456 2026] (Apache's error log)
		{regexp.MustCompile(`^\[(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) ([A-Z][a-z]{2} \d\d) (\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?( \d{4})\]`), "Jan 02", true},
		// 1795198833.123 (squid, audit)
		{regexp.MustCompile(`^(?:type=\w+ msg=audit\()?()(\d{10})\.(\d{3})()`), "", false},
	}
})

// stamp finds when a line was written; zero where it does not say. A time without
// a year is the latest that is not in the future. rest is the line without the
// time, if that stands at its start.
func stamp(line string, now time.Time, zone *time.Location) (at time.Time, rest string) {
	head := line[:min(len(line), 320)]
	for _, s := range stampShapes() {
		m := s.re.FindStringSubmatch(head)
		if m == nil {
			continue
		}
		var err error
		switch {
		case s.layout == "":
			sec, perr := strconv.ParseInt(m[2], 10, 64)
			at, err = time.Unix(sec, 0), perr
		case s.layout == "Jan 02": // the year stands behind
			at, err = time.ParseInLocation("Jan 02 15:04:05 2006", m[1]+" "+m[2]+m[4], zone)
		case s.layout == "Jan _2":
			at, err = withoutYear(m[1]+" "+m[2], now, zone)
		default:
			at, err = withZone(s.layout, m[1]+" "+m[2], m[4], zone)
		}
		if err != nil {
			continue
		}
		if m[3] != "" {
			if ns, err := strconv.ParseInt((m[3] + "000000000")[:9], 10, 64); err == nil {
				at = at.Add(time.Duration(ns))
			}
		}
		if s.leads {
			line = withoutStamp(line, m[0])
		}
		return at.UTC(), line
	}
	return time.Time{}, line
}

// withoutStamp cuts the time off that a line begins with. Where nothing would be
// left, or more hangs on it, the line stays as it is.
func withoutStamp(line, stamp string) string {
	opened := strings.HasPrefix(stamp, "[") && !strings.HasSuffix(stamp, "]")
	rest := line[len(stamp):]
	if opened {
		var ok bool
		if rest, ok = strings.CutPrefix(rest, "]"); !ok {
			return line
		}
	}
	if trimmed := strings.TrimLeft(rest, " \t"); trimmed != "" && trimmed != rest {
		return trimmed
	}
	return line
}

func withZone(layout, text, offset string, zone *time.Location) (time.Time, error) {
	layout += " 15:04:05"
	switch {
	case offset == "Z", offset == "UTC", offset == "GMT":
		return time.ParseInLocation(layout, text, time.UTC)
	case offset != "":
		return time.Parse(layout+"-0700", text+strings.Replace(offset, ":", "", 1))
	}
	return time.ParseInLocation(layout, text, zone)
}

func withoutYear(text string, now time.Time, zone *time.Location) (time.Time, error) {
	year := now.In(zone).Year()
	for _, y := range []int{year, year - 1} {
		at, err := time.ParseInLocation("2006 Jan _2 15:04:05", strconv.Itoa(y)+" "+text, zone)
		if err != nil {
			if y == year { // 29 February may exist only in the year before
				continue
			}
			return time.Time{}, err
		}
		if !at.After(now.Add(24*time.Hour)) || y != year {
			return at, nil
		}
	}
	return time.ParseInLocation("2006 Jan _2 15:04:05", strconv.Itoa(year-1)+" "+text, zone)
}

// identShape finds who wrote a syslog line: after the time and the host's name
// stands name[pid]: or name:.
var identShape = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(?:<\d{1,3}>)?(?:[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?:\.\d+)?|\d{4}-\d\d-\d\dT\S+) \S+ ([A-Za-z0-9_./@-]{1,64})(?:\[\d+\])?:`)
})

// ident is the program that wrote a syslog line; empty for other lines.
func ident(line string) string {
	m := identShape().FindStringSubmatch(line[:min(len(line), 320)])
	if m == nil {
		return ""
	}
	return m[1][strings.LastIndexByte(m[1], '/')+1:]
}

// levelShape finds the word for a line's weight near its start.
var levelShape = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)(?:\blevel=|"level":\s?"|\[(?:[a-z_]+:)?|\b)(emerg(?:ency)?|panic|alert|crit(?:ical)?|fatal|err(?:or)?|warn(?:ing)?|notice|info(?:rmation)?|debug|trace)\b"?(?:[\]:,\s]|$)`)
})

// level is the weight that a line gives itself, as syslog's number; -1 for none.
// A word counts when it stands in capitals, in brackets, behind level=, between
// tabs, before a colon or at the start, and not in running text.
func level(line string) int {
	head := line[:min(len(line), 160)]
	for _, m := range levelShape().FindAllStringSubmatchIndex(head, 4) {
		word := head[m[2]:m[3]]
		marked := m[2] > m[0] || word == strings.ToUpper(word) || m[2] == 0 ||
			m[2] > 0 && head[m[2]-1] == '\t' || m[3] < len(head) && (head[m[3]] == '\t' || head[m[3]] == ':')
		if !marked {
			continue
		}
		switch strings.ToLower(word)[:3] {
		case "eme", "pan":
			return 0
		case "ale":
			return 1
		case "cri", "fat":
			return 2
		case "err":
			return 3
		case "war":
			return 4
		case "not":
			return 5
		case "inf":
			return 6
		case "deb", "tra":
			return 7
		}
	}
	return -1
}

// parseLine reads what a line of a log file says about itself.
func parseLine(line string, now time.Time, zone *time.Location) entry {
	at, text := stamp(line, now, zone)
	return entry{at: at, unit: ident(line), priority: level(line), text: text}
}
