package bot

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Results carry their units in the names of their members (_bytes, _percent,
// _seconds, …), so any number of any method, also a plugin's, can be written the
// way people say it.

// when tells how times are written: in whose zone, seen from which moment.
type when struct {
	now  time.Time
	zone *time.Location
}

// quantity writes the value of the member called name.
func quantity(name string, v any, w when) string {
	switch v := v.(type) {
	case nil:
		return "–"
	case bool:
		if v {
			return "yes"
		}
		return "no"
	case time.Time:
		return w.moment(v)
	case string:
		if timed(name) {
			if t, err := time.Parse(time.RFC3339Nano, v); err == nil {
				return w.moment(t)
			}
		}
		if strings.HasPrefix(v, "/") {
			if path := clean(v, maxPath); isPath(path) {
				return path
			}
		}
		return clean(v, maxCell)
	case []byte:
		return sized(float64(len(v))) + " of data"
	case []any:
		var parts []string
		for _, e := range v {
			if m, ok := e.(map[string]any); ok {
				parts = append(parts, record(m, w))
				continue
			}
			parts = append(parts, quantity(strings.TrimSuffix(name, "s"), e, w))
		}
		if len(parts) == 0 {
			return "none"
		}
		return cut(strings.Join(parts, ", "), maxCell)
	case map[string]any:
		return record(v, w)
	}
	n, ok := number(v)
	if !ok {
		return clean(fmt.Sprint(v), maxCell)
	}
	switch {
	case strings.HasSuffix(name, "_bytes_per_s"):
		return sized(n) + "/s"
	case strings.HasSuffix(name, "_bytes"):
		return sized(n)
	case name == "percent", strings.HasSuffix(name, "_percent"):
		return percent(n)
	case name == "seconds", strings.HasSuffix(name, "_seconds"):
		return span(lasting(n, time.Second))
	case strings.HasSuffix(name, "_ms"):
		return span(lasting(n, time.Millisecond))
	case strings.HasSuffix(name, "_per_s"):
		return plainNumber(n) + "/s"
	case strings.HasSuffix(name, "_celsius"):
		return plainNumber(n) + " °C"
	case strings.HasPrefix(name, "load"):
		return strconv.FormatFloat(n, 'f', 2, 64)
	}
	return plainNumber(n)
}

func record(m map[string]any, w when) string {
	var parts []string
	for _, k := range memberOrder(m) {
		parts = append(parts, label(k)+" "+quantity(k, m[k], w))
		if len(parts) == 4 && len(m) > 5 {
			parts = append(parts, "…")
			break
		}
	}
	return cut(strings.Join(parts, ", "), maxCell)
}

func number(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, !math.IsNaN(v) && !math.IsInf(v, 0)
	case int:
		return float64(v), true
	case int32:
		return float64(v), true
	case int64:
		return float64(v), true
	}
	return 0, false
}

// lasting is so many units as a duration: the longest there is, where they are
// more.
func lasting(n float64, unit time.Duration) time.Duration {
	switch d := n * float64(unit); {
	case d >= math.MaxInt64:
		return math.MaxInt64
	case d <= -math.MaxInt64:
		return -math.MaxInt64
	default:
		return time.Duration(d)
	}
}

// absurd is from where on digits say nothing any more.
const absurd = 1e18

func plainNumber(n float64) string {
	if math.Abs(n) >= absurd {
		return strconv.FormatFloat(n, 'g', 3, 64)
	}
	if n == math.Trunc(n) && math.Abs(n) < 1<<53 {
		return strconv.FormatInt(int64(n), 10)
	}
	return strings.TrimRight(strings.TrimRight(strconv.FormatFloat(n, 'f', 2, 64), "0"), ".")
}

// sized writes bytes in powers of 1024 with three figures.
func sized(n float64) string {
	if math.Abs(n) >= absurd {
		return plainNumber(n) + " B"
	}
	if math.Abs(n) < 1024 {
		return plainNumber(math.Round(n)) + " B"
	}
	for _, unit := range []string{"KiB", "MiB", "GiB", "TiB", "PiB"} {
		n /= 1024
		if math.Abs(n) < 1023.5 || unit == "PiB" {
			digits := 1
			if math.Abs(n) >= 99.5 {
				digits = 0
			}
			return strconv.FormatFloat(n, 'f', digits, 64) + " " + unit
		}
	}
	return ""
}

// percent never rounds to 100 or to 0 what is neither: 99.97 is not "100%".
func percent(n float64) string {
	switch {
	case n == math.Trunc(n):
		return plainNumber(n) + "%"
	case n > 99 && n < 100:
		s := strconv.FormatFloat(math.Floor(n*1000)/1000, 'f', 3, 64)
		return strings.TrimRight(strings.TrimRight(s, "0"), ".") + "%"
	case n > 0 && n < 0.1:
		return "<0.1%"
	case n < 10:
		return strconv.FormatFloat(n, 'f', 1, 64) + "%"
	}
	return strconv.FormatFloat(math.Floor(n), 'f', 0, 64) + "%"
}

// span writes a duration in its two largest units.
func span(d time.Duration) string {
	if d < 0 {
		return "-" + span(-max(d, -math.MaxInt64)) // the one duration that cannot be turned round
	}
	switch {
	case d == 0:
		return "0 s"
	case d < time.Millisecond:
		return "<1 ms"
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < 10*time.Second && d%time.Second >= 50*time.Millisecond:
		return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + " s"
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	}
	two := func(big, small time.Duration, b, s string) string {
		if n := d % big / small; n > 0 {
			return fmt.Sprintf("%d %s %d %s", d/big, b, n, s)
		}
		return fmt.Sprintf("%d %s", d/big, b)
	}
	const day = 24 * time.Hour
	switch {
	case d < time.Hour:
		return two(time.Minute, time.Second, "m", "s")
	case d < day:
		return two(time.Hour, time.Minute, "h", "m")
	}
	return two(day, time.Hour, "d", "h")
}

// moment writes a time as short as it stays clear: today by the clock, else with
// its day, and with its year when that is not this one.
func (w when) moment(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	zone := w.zone
	if zone == nil {
		zone = time.UTC
	}
	t = t.In(zone)
	now := w.now.In(zone)
	y, m, d := t.Date()
	ny, nm, nd := now.Date()
	switch {
	case y == ny && m == nm && d == nd:
		return t.Format("15:04")
	case y == ny:
		return t.Format("2 Jan 15:04")
	}
	return t.Format("2006-01-02")
}

func timed(name string) bool {
	return name == "at" || name == "since" || name == "until" || name == "mtime" || strings.HasSuffix(name, "_at")
}

// label is a member's name as words, without the unit its value is written with.
func label(name string) string {
	for _, unit := range []string{"_bytes_per_s", "_bytes", "_percent", "_seconds", "_ms", "_per_s", "_celsius", "_at"} {
		if s, ok := strings.CutSuffix(name, unit); ok {
			name = s
			break
		}
	}
	return clean(joints.Replace(name), 24)
}

// joints stand between the words of a member's name.
var joints = strings.NewReplacer("_", " ", ".", " ")

// memberOrder lists a struct's members the way people look at them: what it is,
// how it is, how much, since when, then the rest by name. XML-RPC structs have
// no order of their own.
func memberOrder(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b string) int {
		if c := rank(a) - rank(b); c != 0 {
			return c
		}
		return strings.Compare(a, b)
	})
	return keys
}

func rank(name string) int {
	for i, group := range [][]string{
		{"name", "id", "unit", "path", "mount", "host", "hostname", "pid", "address", "check"},
		{"state", "active", "status", "ok", "show", "mood", "result", "sub"},
		{"percent", "score", "total", "count"},
	} {
		if slices.Contains(group, name) {
			return i
		}
	}
	switch {
	case strings.HasSuffix(name, "_percent"):
		return 2
	case strings.HasSuffix(name, "_bytes"), strings.HasSuffix(name, "_per_s"):
		return 3
	case timed(name), strings.HasSuffix(name, "_seconds"), strings.HasSuffix(name, "_ms"):
		return 5
	}
	return 4
}

// clock is a moment, in seconds since 1970, as a log line shows it.
func (w when) clock(unix float64) string {
	sec, frac := math.Modf(unix)
	t := time.Unix(int64(sec), int64(frac*1e9))
	zone := w.zone
	if zone == nil {
		zone = time.UTC
	}
	if now := w.now.In(zone); t.In(zone).YearDay() != now.YearDay() || t.In(zone).Year() != now.Year() {
		return t.In(zone).Format("01-02 15:04:05")
	}
	return t.In(zone).Format("15:04:05")
}
