package intake

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"adminbot/internal/textsafe"
)

// maxDepth is how deep objects and arrays may be in each other.
const maxDepth = 32

// decode reads one JSON value. What it says of errors is for whoever wrote it.
func decode(body []byte, into any) error {
	if len(bytes.TrimSpace(body)) == 0 {
		return malformed("the body is empty")
	}
	if err := shallow(body); err != nil {
		return err
	}
	err := json.Unmarshal(body, into)
	var kind *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &kind) && kind.Field != "":
		return malformed("%s: is a JSON %s, which it cannot be", textsafe.Line(kind.Field, 100), kind.Value)
	case errors.As(err, &kind):
		return malformed("the body is a JSON %s, which it cannot be", kind.Value)
	case errors.As(err, &syntax):
		return malformed("the body is not JSON: %v at byte %d", syntax, syntax.Offset)
	}
	return malformed("the body is not JSON: %v", err)
}

// shallow refuses what is nested too deep.
func shallow(body []byte) error {
	depth := 0
	for i := 0; i < len(body); i++ {
		switch body[i] {
		case '{', '[':
			if depth++; depth > maxDepth {
				return malformed("the JSON is nested deeper than %d, at byte %d", maxDepth, i)
			}
		case '}', ']':
			depth--
		case '"':
			for i++; i < len(body) && body[i] != '"'; i++ {
				if body[i] == '\\' {
					i++
				}
			}
		}
	}
	return nil
}

// text is a value that should be a string. Numbers and truth values are taken for
// what they look like, null is empty, and all else is shown as it came.
type text string

// UnmarshalJSON reads a value of any kind.
func (t *text) UnmarshalJSON(data []byte) error {
	switch {
	case bytes.Equal(data, []byte("null")):
		*t = ""
	case len(data) > 0 && data[0] == '"':
		return json.Unmarshal(data, (*string)(t))
	default:
		*t = text(data)
	}
	return nil
}

// labels are names and values.
type labels map[string]text

func (l labels) strings() map[string]string {
	if len(l) == 0 {
		return nil
	}
	all := make(map[string]string, len(l))
	for name, value := range l {
		all[name] = string(value)
	}
	return all
}

// timeOf reads a time as RFC 3339 has it, or in seconds or milliseconds since
// 1970. Empty is none.
func timeOf(field string, t text) (time.Time, error) {
	s := strings.TrimSpace(string(t))
	if s == "" {
		return time.Time{}, nil
	}
	if when, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return when, nil
	}
	n, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(n) || n < 0 || n > 1e15 {
		return time.Time{}, malformed("%s: %q is not a time, as in 2006-01-02T15:04:05Z", field, textsafe.Line(s, 60))
	}
	if n > 1e11 {
		n /= 1000
	}
	whole, part := math.Modf(n)
	return time.Unix(int64(whole), int64(part*1e9)).UTC(), nil
}

// each reads the items of an array one by one, so that an error says which.
func each[T any](field string, items []json.RawMessage, do func(i int, item *T) error) error {
	for i, raw := range items {
		var item T
		err := decode(raw, &item)
		if err == nil {
			err = do(i, &item)
		}
		if err != nil {
			_, text := explain(err)
			return malformed("%s: %s", fmt.Sprintf("%s[%d]", field, i), text)
		}
	}
	return nil
}
