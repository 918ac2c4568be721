package ration

import (
	"fmt"
	"reflect"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestRation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		more := map[string]int{}
		r := &Ration{Each: 3, Every: time.Minute, Kinds: 5, More: func(kind string, n int, since time.Time) {
			if d := time.Since(since); d > time.Minute {
				t.Errorf("%s was used since %v", kind, d)
			}
			mu.Lock()
			defer mu.Unlock()
			more[kind] += n
		}}
		take := func(kind string, times int) (taken int) {
			for range times {
				if r.Take(kind) {
					taken++
				}
			}
			return taken
		}
		expect := func(want map[string]int) {
			t.Helper()
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			if !reflect.DeepEqual(more, want) {
				t.Errorf("got %v, want %v", more, want)
			}
			clear(more)
		}
		if n := take("a", 10); n != 3 {
			t.Errorf("%d of one kind", n)
		}
		time.Sleep(30 * time.Second)
		if a, b := take("a", 10), take("b", 2); a != 0 || b != 2 {
			t.Errorf("%d and %d", a, b)
		}
		expect(map[string]int{})
		time.Sleep(30 * time.Second)
		expect(map[string]int{"a": 17})
		if n := take("a", 4); n != 3 {
			t.Errorf("%d in the next minute", n)
		}
		total := 0 // of more kinds than are known
		for i := range 1000 {
			total += take(fmt.Sprint(i), 1)
		}
		if total > 5+3 {
			t.Errorf("%d of 1000 kinds", total)
		}
		time.Sleep(time.Hour)
		expect(map[string]int{"a": 1, "": 1000 - total})
		if len(r.kinds) != 0 {
			t.Errorf("%d kinds are kept", len(r.kinds))
		}
		take("c", 5)
		r.End()
		expect(map[string]int{"c": 2})
		if !r.Take("c") {
			t.Error("nothing is let through after the end")
		}
	})
}
