package agentapi

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"reflect"
	"slices"
	"sync"
)

// Description is one method as rpc.describe answers it.
type Description struct {
	Name           string             `rpc:"name" json:"name"`
	Class          string             `rpc:"class" json:"class"`
	Permission     string             `rpc:"permission" json:"permission"`
	Help           string             `rpc:"help" json:"help"`
	Since          string             `rpc:"since" json:"since"`
	Lane           string             `rpc:"lane,omitempty" json:"lane,omitempty"`
	TimeoutSeconds int32              `rpc:"timeout_seconds" json:"timeout_seconds"`
	Args           []FieldDescription `rpc:"args" json:"args"`
	Result         []FieldDescription `rpc:"result" json:"result"`
	Aggregates     []string           `rpc:"aggregates,omitempty" json:"aggregates,omitempty"`
	Positional     bool               `rpc:"positional,omitempty" json:"positional,omitempty"`
	Job            bool               `rpc:"job,omitempty" json:"job,omitempty"`
	Built          bool               `rpc:"built" json:"built"`
	Deprecated     string             `rpc:"deprecated,omitempty" json:"deprecated,omitempty"`
}

// FieldDescription is an argument or a member of the result.
type FieldDescription struct {
	Name     string             `rpc:"name" json:"name"`
	Type     string             `rpc:"type" json:"type"`
	Elem     string             `rpc:"elem,omitempty" json:"elem,omitempty"`
	Unit     string             `rpc:"unit,omitempty" json:"unit,omitempty"`
	Required bool               `rpc:"required,omitempty" json:"required,omitempty"`
	Default  string             `rpc:"default,omitempty" json:"default,omitempty"`
	Min      *float64           `rpc:"min,omitempty" json:"min,omitempty"`
	Max      *float64           `rpc:"max,omitempty" json:"max,omitempty"`
	Enum     []string           `rpc:"enum,omitempty" json:"enum,omitempty"`
	Pattern  string             `rpc:"pattern,omitempty" json:"pattern,omitempty"`
	Help     string             `rpc:"help,omitempty" json:"help,omitempty"`
	Raises   string             `rpc:"raises,omitempty" json:"raises,omitempty"`
	Fields   []FieldDescription `rpc:"fields,omitempty" json:"fields,omitempty"`
}

// Describe computes the method's description from its types.
func (s Spec) Describe() Description {
	d := Description{
		Name: s.Name, Class: s.Class.String(), Permission: s.Permission, Help: s.Help, Since: s.Since,
		Lane: string(s.Lane), TimeoutSeconds: int32(s.Timeout.Seconds()),
		Args: describeFields(s.Args, s.ArgFields()), Positional: s.Positional, Job: s.Job,
		Built: s.Built, Deprecated: s.Deprecated,
	}
	if s.Result != nil && s.Result.Kind() != reflect.Struct {
		typ, elem, fields := wireType(s.Result)
		d.Result = []FieldDescription{{Name: "", Type: typ, Elem: elem, Fields: describeFields(nil, fields)}}
	} else {
		d.Result = describeFields(nil, s.ResultFields())
	}
	for _, f := range s.Columns() {
		for _, agg := range f.Agg {
			d.Aggregates = append(d.Aggregates, agg+"("+f.Name+")")
		}
	}
	return d
}

func describeFields(t reflect.Type, fields []Field) []FieldDescription {
	out := make([]FieldDescription, 0, len(fields))
	for _, f := range fields {
		d := FieldDescription{
			Name: f.Name, Type: f.Type, Elem: f.Elem, Unit: f.Unit, Required: f.Required, Default: f.Default,
			Min: f.Min, Max: f.Max, Enum: f.Enum, Pattern: f.Pattern, Help: f.Help,
		}
		if t != nil {
			d.Raises = t.FieldByIndex(f.index).Tag.Get("raises")
		}
		if f.Fields != nil {
			d.Fields = describeFields(nil, f.Fields)
		}
		out = append(out, d)
	}
	return out
}

// Ver is the hash of all descriptions of the host agent's methods: two agents
// with the same one describe the same methods, so a description need be fetched
// only once for each.
var Ver = sync.OnceValue(func() string {
	h := sha256.New()
	enc := json.NewEncoder(h)
	for _, s := range table() {
		if err := enc.Encode(s.Describe()); err != nil {
			panic("agentapi: " + err.Error()) // descriptions are plain data
		}
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:15])
})

// Signature is the method's signature as system.methodSignature gives it: the
// result's type, then the parameters'.
func (s Spec) Signature() []string {
	typ, _, _ := wireType(s.Result)
	sig := []string{typ}
	if !s.Positional {
		if len(s.ArgFields()) > 0 {
			sig = append(sig, "struct")
		}
		return sig
	}
	for _, f := range s.ArgFields() {
		sig = append(sig, f.Type)
	}
	return slices.Clip(sig)
}
