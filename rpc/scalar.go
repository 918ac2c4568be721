package rpc

import (
	"encoding/base64"
	"math"
	"strconv"
	"strings"
	"time"
)

// What is read here is wider than what is written: the table of accepted and
// refused spellings is testdata/strict.txtar.

func parseInt(b []byte) (Value, error) {
	n, err := strconv.ParseInt(string(trim(b)), 10, 32)
	if err != nil {
		return Value{}, badParam("int: %s", numberTrouble(err, "-2147483648", "2147483647"))
	}
	return Int(int32(n)), nil
}

// maxExact is the largest integer up to which a double holds every integer.
const maxExact = 1 << 53

// parseI8 reads the extension i8 into a double, which is what this protocol
// has for large numbers.
func parseI8(b []byte) (Value, error) {
	n, err := strconv.ParseInt(string(trim(b)), 10, 64)
	if err != nil {
		return Value{}, badParam("i8: %s", numberTrouble(err, "-9223372036854775808", "9223372036854775807"))
	}
	if n > maxExact || n < -maxExact {
		return Value{}, badParam("i8: beyond 2^53 a double would not be exact")
	}
	return Double(float64(n)), nil
}

func numberTrouble(err error, from, to string) string {
	if ne, ok := err.(*strconv.NumError); ok && ne.Err == strconv.ErrRange {
		return "not within " + from + " and " + to
	}
	return "not a decimal number"
}

func parseBool(b []byte) (Value, error) {
	switch string(trim(b)) {
	case "0", "false":
		return Bool(false), nil
	case "1", "true":
		return Bool(true), nil
	}
	return Value{}, badParam("boolean: neither 0 nor 1")
}

func parseDouble(b []byte) (Value, error) {
	b = trim(b)
	if !decimal(b) { // ParseFloat also takes NaN, Inf, hexadecimal and _
		return Value{}, badParam("double: not a decimal number")
	}
	f, err := strconv.ParseFloat(string(b), 64)
	if err != nil || math.IsInf(f, 0) {
		return Value{}, badParam("double: too large")
	}
	return Double(f), nil
}

// decimal reports whether b is xs:decimal, with an exponent tolerated.
func decimal(b []byte) bool {
	i := 0
	digits := func() (n int) {
		for i < len(b) && '0' <= b[i] && b[i] <= '9' {
			i++
			n++
		}
		return n
	}
	sign := func() {
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
	}
	sign()
	n := digits()
	if i < len(b) && b[i] == '.' {
		i++
		n += digits()
	}
	if n == 0 {
		return false
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		i++
		sign()
		if digits() == 0 {
			return false
		}
	}
	return i == len(b)
}

// parseDateTime reads yyyymmddThh:mm:ss, with hyphens in the date, a fraction
// (which is dropped) and a zone tolerated. Without a zone the time is UTC.
func parseDateTime(b []byte) (Value, error) {
	s := string(trim(b))
	bad := func() (Value, error) { return Value{}, badParam("dateTime: not yyyymmddThh:mm:ss") }
	date, clock, ok := strings.Cut(s, "T")
	if !ok {
		return bad()
	}
	if len(date) == 10 && date[4] == '-' && date[7] == '-' {
		date = date[:4] + date[5:7] + date[8:]
	}
	if len(date) != 8 || len(clock) < 8 || clock[2] != ':' || clock[5] != ':' {
		return bad()
	}
	var ok1, ok2, ok3, ok4, ok5, ok6 bool
	var year, month, day, hour, minute, second int
	year, ok1 = number(date[:4])
	month, ok2 = number(date[4:6])
	day, ok3 = number(date[6:])
	hour, ok4 = number(clock[:2])
	minute, ok5 = number(clock[3:5])
	second, ok6 = number(clock[6:8])
	if !ok1 || !ok2 || !ok3 || !ok4 || !ok5 || !ok6 {
		return bad()
	}
	rest := clock[8:]
	if rest != "" && (rest[0] == '.' || rest[0] == ',') {
		i := 1
		for i < len(rest) && '0' <= rest[i] && rest[i] <= '9' {
			i++
		}
		if i == 1 {
			return bad()
		}
		rest = rest[i:]
	}
	offset, ok := zone(rest)
	if !ok {
		return bad()
	}
	t := time.Date(year, time.Month(month), day, hour, minute, second, 0, time.UTC)
	if t.Year() != year || t.Month() != time.Month(month) || t.Day() != day ||
		hour > 23 || minute > 59 || second > 59 {
		return Value{}, badParam("dateTime: no such day or time of day")
	}
	t = t.Add(-offset)
	if t.Year() < 0 || t.Year() > 9999 {
		return Value{}, badParam("dateTime: year does not fit four digits")
	}
	return DateTime(t), nil
}

// zone reads "", Z, +hh, +hhmm or +hh:mm.
func zone(s string) (time.Duration, bool) {
	if s == "" || s == "Z" {
		return 0, true
	}
	sign := time.Duration(1)
	switch s[0] {
	case '+':
	case '-':
		sign = -1
	default:
		return 0, false
	}
	s = s[1:]
	if len(s) == 5 && s[2] == ':' {
		s = s[:2] + s[3:]
	}
	if len(s) == 2 {
		s += "00"
	}
	if len(s) != 4 {
		return 0, false
	}
	h, ok1 := number(s[:2])
	m, ok2 := number(s[2:])
	if !ok1 || !ok2 || h > 14 || m > 59 {
		return 0, false
	}
	return sign * (time.Duration(h)*time.Hour + time.Duration(m)*time.Minute), true
}

// number reads digits and nothing else.
func number(s string) (n int, ok bool) {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = 10*n + int(s[i]-'0')
	}
	return n, s != ""
}

func parseBase64(b []byte) (Value, error) {
	n := 0
	for _, c := range b { // in place: b is the decoder's own buffer
		switch c {
		case ' ', '\t', '\r', '\n': // Go's decoder passes over the last two only
		default:
			b[n] = c
			n++
		}
	}
	out, err := base64.StdEncoding.AppendDecode(nil, b[:n])
	if err != nil {
		return Value{}, badParam("base64: wrong character or padding")
	}
	return Value{kind: KindBase64, str: string(out)}, nil
}
