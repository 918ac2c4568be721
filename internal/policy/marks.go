package policy

import (
	"errors"
	"fmt"
	"strings"

	toml "github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// marks knows where each key and list element stands, by paths like
// "rule[1].who[0]". The decoder keeps no positions.
type marks struct {
	file string
	pos  map[string]unstable.Position
}

func mark(data []byte) marks {
	m := marks{pos: make(map[string]unstable.Position)}
	var p unstable.Parser
	p.Reset(data)
	table := ""
	count := make(map[string]int)
	for p.NextExpression() {
		e := p.Expression()
		switch e.Kind {
		case unstable.Table:
			table = join("", keyOf(e.Key()))
			m.set(&p, table, keyNode(e))
			// A rule's own sub-table, [rule.args], belongs to the last rule.
			if rest, ok := strings.CutPrefix(table, "rule."); ok && count["rule"] > 0 {
				table = fmt.Sprintf("rule[%d].%s", count["rule"]-1, rest)
			}
		case unstable.ArrayTable:
			name := join("", keyOf(e.Key()))
			table = fmt.Sprintf("%s[%d]", name, count[name])
			count[name]++
			m.set(&p, table, keyNode(e))
		case unstable.KeyValue:
			m.keyValue(&p, table, e)
		}
	}
	return m
}

func (m *marks) keyValue(p *unstable.Parser, table string, e *unstable.Node) {
	at := join(table, keyOf(e.Key()))
	m.set(p, at, keyNode(e))
	m.value(p, at, e.Value())
}

func (m *marks) value(p *unstable.Parser, at string, v *unstable.Node) {
	switch v.Kind {
	case unstable.Array:
		it := v.Children()
		for i := 0; it.Next(); i++ {
			sub := fmt.Sprintf("%s[%d]", at, i)
			m.set(p, sub, it.Node())
			m.value(p, sub, it.Node())
		}
	case unstable.InlineTable:
		it := v.Children()
		for it.Next() {
			if it.Node().Kind == unstable.KeyValue {
				m.keyValue(p, at, it.Node())
			}
		}
	}
}

func (m *marks) set(p *unstable.Parser, at string, n *unstable.Node) {
	if n == nil || n.Raw.Length == 0 {
		return
	}
	if _, ok := m.pos[at]; !ok {
		m.pos[at] = p.Shape(n.Raw).Start
	}
}

func keyNode(e *unstable.Node) *unstable.Node {
	it := e.Key()
	if !it.Next() {
		return nil
	}
	return it.Node()
}

func keyOf(it unstable.Iterator) []string {
	var out []string
	for it.Next() {
		out = append(out, string(it.Node().Data))
	}
	return out
}

func join(table string, key []string) string {
	s := strings.Join(key, ".")
	if table == "" {
		return s
	}
	return table + "." + s
}

// at is the position of the path, or of the nearest thing around it.
func (m *marks) at(where string) unstable.Position {
	for where != "" {
		if pos, ok := m.pos[where]; ok {
			return pos
		}
		where = where[:max(strings.LastIndexAny(where, ".["), 0)]
	}
	return unstable.Position{}
}

func (m *marks) err(where, msg, hint string) *Error {
	pos := m.at(where)
	return &Error{File: m.file, Line: pos.Line, Col: pos.Column, Msg: msg, Hint: hint}
}

// tomlError gives an error of the decoder its place.
func tomlError(err error) *Error {
	if strict, ok := errors.AsType[*toml.StrictMissingError](err); ok && len(strict.Errors) > 0 {
		d := strict.Errors[0]
		row, col := d.Position()
		key := d.Key()
		last := ""
		if len(key) > 0 {
			last = key[len(key)-1]
		}
		hint := "keys are bots, callers, second_over, groups and rule"
		if len(key) > 1 && key[0] == "rule" {
			hint = "a rule has who, via, may, on, args, hours, rooms, needs and allow_no_ttl"
		}
		return &Error{Line: row, Col: col, Msg: fmt.Sprintf("no key %q", last), Hint: hint}
	}
	if d, ok := errors.AsType[*toml.DecodeError](err); ok {
		row, col := d.Position()
		return &Error{Line: row, Col: col, Msg: strings.TrimPrefix(d.Error(), "toml: ")}
	}
	return &Error{Msg: strings.TrimPrefix(err.Error(), "toml: ")}
}
