package agentapi

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"path"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/go-playground/validator/v10"
)

// CheckError says in words which argument is wrong, and how.
type CheckError struct {
	Method string
	Arg    string // the name on the wire; of a list's item "names[2]"
	Value  string // as given; empty when it is missing or too long to repeat
	Want   string // "at most 200", "one of cpu, memory, start", "needed"
}

func (e *CheckError) Error() string {
	if e.Value == "" {
		return fmt.Sprintf("agentapi: %s: argument %s is wrong: %s", e.Method, e.Arg, e.Want)
	}
	return fmt.Sprintf("agentapi: %s: argument %s is %s: %s", e.Method, e.Arg, e.Value, e.Want)
}

// rule is a validation word of our own.
type rule struct {
	pattern  string // for those who only read the description
	want     string
	min, max float64
	ok       func(string) bool
}

var (
	unitPattern = lazyRegexp(`^[A-Za-z0-9:_.@\\-]{1,255}\.(service|socket|timer)$`)
	barePattern = lazyRegexp(`^[A-Za-z0-9:_.@\\-]{1,255}$`)
	idPattern   = lazyRegexp(`^[A-Za-z0-9._-]{1,64}$`)
	hostPattern = lazyRegexp(`^[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?)*\.?$`)
	hashPattern = lazyRegexp(`^[0-9a-f]{64}$`)
	userPattern = lazyRegexp(`^[A-Za-z_][A-Za-z0-9_.@-]{0,63}\$?$|^[0-9]{1,10}$`)
)

func lazyRegexp(expr string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })
}

const maxPattern = 256 // bytes of a regular expression or glob that a caller sends

// customRules are the validation words of the contract beyond the validator's own.
var customRules = sync.OnceValue(func() map[string]rule {
	return map[string]rule{
		"unit": {
			pattern: unitPattern().String(),
			want:    "a unit's name such as nginx.service (letters, digits and :_.@\\-, ending in .service, .socket or .timer)",
			ok:      func(s string) bool { return unitPattern().MatchString(UnitName(s)) && barePattern().MatchString(s) },
		},
		"abspath": {
			pattern: `^/.*`,
			want:    "an absolute path without .., //, or a trailing /",
			ok: func(s string) bool {
				return len(s) <= 4096 && path.IsAbs(s) && path.Clean(s) == s && !strings.ContainsRune(s, 0)
			},
		},
		"re2": {
			want: "a regular expression of at most 256 bytes (RE2, golang.org/s/re2syntax)",
			ok: func(s string) bool {
				if len(s) > maxPattern {
					return false
				}
				_, err := regexp.Compile(s)
				return err == nil
			},
		},
		"glob": {
			want: "a glob of at most 256 bytes: * ? [a-z]",
			ok: func(s string) bool {
				_, err := path.Match(s, "")
				return err == nil && len(s) <= maxPattern
			},
		},
		"id": {
			pattern: idPattern().String(),
			want:    "1 to 64 letters, digits and . _ -",
			ok:      func(s string) bool { return idPattern().MatchString(s) },
		},
		"host": {
			pattern: hostPattern().String(),
			want:    "a host name or an IP address",
			ok:      validHost,
		},
		"sha256hex": {
			pattern: hashPattern().String(),
			want:    "64 hexadecimal digits in lower case",
			ok:      func(s string) bool { return hashPattern().MatchString(s) },
		},
		"user": {
			pattern: userPattern().String(),
			want:    "a user's name or number",
			ok:      func(s string) bool { return userPattern().MatchString(s) },
		},
		"target": {
			want: "host:port, or a URL with http or https",
			ok:   validTarget,
		},
		"dur": {want: "from 1 to 604800 seconds", min: 1, max: 604800},
	}
})

func validHost(s string) bool {
	return net.ParseIP(s) != nil || len(s) <= 253 && hostPattern().MatchString(s)
}

func validTarget(s string) bool {
	if strings.Contains(s, "://") {
		u, err := url.Parse(s)
		return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" && u.User == nil && len(s) <= 2048
	}
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return false
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n > 0 && validHost(host)
}

// UnitName gives a bare service name its .service; a name that has a known
// ending, and an empty one, stay as they are.
func UnitName(s string) string {
	if s == "" {
		return s
	}
	for _, end := range []string{".service", ".socket", ".timer"} {
		if strings.HasSuffix(s, end) {
			return s
		}
	}
	return s + ".service"
}

// shared is the one validator: it keeps what it learned about each struct.
var shared = sync.OnceValue(func() *validator.Validate {
	v := validator.New()
	v.RegisterTagNameFunc(func(f reflect.StructField) string {
		name, _, _ := strings.Cut(f.Tag.Get("rpc"), ",")
		return name
	})
	for name, r := range customRules() {
		fn := func(fl validator.FieldLevel) bool {
			if fl.Field().CanInt() {
				n := fl.Field().Int()
				return n >= int64(r.min) && n <= int64(r.max)
			}
			return fl.Field().Kind() == reflect.String && r.ok != nil && r.ok(fl.Field().String())
		}
		if err := v.RegisterValidation(name, fn); err != nil {
			panic("agentapi: " + err.Error()) // the table itself is wrong: its test fails too
		}
	}
	return v
})

// Check reports the first wrong argument as a *CheckError. args is a pointer to a
// struct of type s.Args on which Defaults was called before it was filled.
func (s Spec) Check(args any) error {
	v := reflect.ValueOf(args)
	if v.Kind() != reflect.Pointer || v.IsNil() || v.Elem().Type() != s.Args {
		return fmt.Errorf("agentapi: %s: arguments are %T, want *%s", s.Name, args, s.Args)
	}
	if s.Args.NumField() == 0 {
		return nil
	}
	err := shared().Struct(args)
	if err == nil {
		return nil
	}
	var wrong validator.ValidationErrors
	if !errors.As(err, &wrong) || len(wrong) == 0 {
		return fmt.Errorf("agentapi: %s: %w", s.Name, err)
	}
	return s.sentence(wrong[0])
}

// sentence turns the validator's finding into words.
func (s Spec) sentence(f validator.FieldError) error {
	e := &CheckError{Method: s.Name, Arg: strings.TrimPrefix(f.Namespace(), s.Args.Name()+"."), Value: quote(f.Value())}
	long := f.Kind() == reflect.String || f.Kind() == reflect.Slice || f.Kind() == reflect.Map
	unit := ""
	if fld, ok := s.Arg(f.Field()); ok && fld.Unit != "" && !long {
		unit = " " + fld.Unit
	}
	if f.Kind() == reflect.String {
		unit = " characters"
	} else if long {
		unit = " items"
	}
	switch f.Tag() {
	case "required", "required_without", "required_if":
		e.Value, e.Want = "", "it is needed"
		if f.Tag() == "required_without" {
			e.Want = "it or " + s.wireName(f.Param()) + " is needed"
		}
	case "excluded_with":
		e.Want = "not together with " + s.wireName(f.Param())
	case "min", "gte":
		e.Want = "at least " + f.Param() + unit
	case "max", "lte":
		e.Want = "at most " + f.Param() + unit
	case "oneof":
		e.Want = "one of " + strings.Join(strings.Fields(f.Param()), ", ")
	case "gtfield":
		e.Want = "it must be later than " + s.wireName(f.Param())
	default:
		e.Want = customRules()[f.Tag()].want
		if e.Want == "" {
			e.Want = "not valid (" + f.Tag() + ")"
		}
	}
	return e
}

// wireName is the wire name of a Go field, for rules that name another field.
func (s Spec) wireName(goName string) string {
	if sf, ok := s.Args.FieldByName(goName); ok {
		name, _, _ := strings.Cut(sf.Tag.Get("rpc"), ",")
		return name
	}
	return goName
}

func quote(v any) string {
	switch v := v.(type) {
	case string:
		if len(v) > 80 {
			return fmt.Sprintf("%q and %d bytes more", v[:80], len(v)-80)
		}
		return strconv.Quote(v)
	case []string:
		return fmt.Sprintf("a list of %d", len(v))
	}
	if s := fmt.Sprint(v); len(s) <= 80 {
		return s
	}
	return ""
}
