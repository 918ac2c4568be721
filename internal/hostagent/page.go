package hostagent

import (
	"reflect"
	"sort"
	"strconv"

	"adminbot/agentapi"
	"adminbot/rpc"
)

// frame is what stands around an answer's value in its stanza, in bytes, with
// some room.
const frame = 512

// page encodes a result. A list that would make it larger than limit is cut
// at its end, and the result's [agentapi.Page] says so. Where the method has
// an argument `next`, it is the number of items that came before: they are left
// out here. Lines of a log are cut at their beginning, the oldest first, and go
// on by cursor.
func page(result, args any, limit int) (rpc.Value, error) {
	skipped, paged := cursor(args)
	rv := reflect.ValueOf(result).Elem()
	var list reflect.Value
	ok := false
	if rv.Kind() == reflect.Struct {
		list, ok = longest(rv)
	}
	if ok && paged {
		list.Set(list.Slice(min(skipped, list.Len()), list.Len()))
	}
	v, err := rpc.Marshal(result)
	if err != nil || size(v) <= limit {
		return v, err
	}
	if rv.Kind() != reflect.Struct {
		return v, nil // the mux refuses it with 413
	}
	pg := pageOf(rv)
	if !ok || pg == nil {
		return v, nil
	}
	whole := reflect.ValueOf(list.Interface())
	pg.Truncated, pg.Total = true, max(pg.Total, int32(whole.Len()+skipped))
	cut := func(n int) (rpc.Value, error) {
		if lines, ok := whole.Interface().([]agentapi.LogLine); ok {
			kept := lines[len(lines)-n:]
			list.Set(reflect.ValueOf(kept))
			if n > 0 {
				pg.Next = kept[0].Cursor
			}
			return rpc.Marshal(result)
		}
		list.Set(whole.Slice(0, n))
		if paged {
			pg.Next = strconv.Itoa(skipped + n)
		}
		return rpc.Marshal(result)
	}
	var failed error
	n := sort.Search(whole.Len(), func(n int) bool {
		v, err := cut(n + 1)
		if err != nil {
			failed = err
		}
		return size(v) > limit
	})
	if failed != nil {
		return rpc.Value{}, failed
	}
	return cut(n)
}

func size(v rpc.Value) int { return len(v.AppendXML(nil)) + frame }

// cursor reads the argument `next`; paged reports whether there is one.
func cursor(args any) (skipped int, paged bool) {
	av := reflect.Indirect(reflect.ValueOf(args))
	if !av.IsValid() || av.Kind() != reflect.Struct {
		return 0, false
	}
	next := av.FieldByName("Next")
	if !next.IsValid() || next.Kind() != reflect.String {
		return 0, false
	}
	return offset(next.String()), true
}

// maxOffset bounds cursors: no list is longer.
const maxOffset = 1 << 24

// offset is the cursor of lists that are counted; what is none begins at the
// beginning.
func offset(next string) int {
	n, err := strconv.Atoi(next)
	if err != nil || n < 0 {
		return 0
	}
	return min(n, maxOffset)
}

// longest is the result's list whose items are structs; of several, the
// longest.
func longest(rv reflect.Value) (list reflect.Value, ok bool) {
	for _, sf := range reflect.VisibleFields(rv.Type()) {
		if sf.Type.Kind() != reflect.Slice || sf.Type.Elem().Kind() != reflect.Struct || !sf.IsExported() {
			continue
		}
		if f := rv.FieldByIndex(sf.Index); !ok || f.Len() > list.Len() {
			list, ok = f, true
		}
	}
	return list, ok
}

func pageOf(rv reflect.Value) *agentapi.Page {
	f := rv.FieldByName("Page")
	if !f.IsValid() || f.Type() != reflect.TypeFor[agentapi.Page]() {
		return nil
	}
	return f.Addr().Interface().(*agentapi.Page)
}
