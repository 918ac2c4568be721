package xmppd

import (
	"sync"
	"time"
)

// Logins that may fail before more are refused, and how long it takes until
// one more is let through.
const (
	pairTries = 10 // of one user from one address
	pairEvery = 30 * time.Second
	addrTries = 200 // from one address, whoever the user; a fleet may share one
	addrEvery = 2 * time.Second
	userTries = 200 // of one user, wherever from
	userEvery = time.Second

	throttleKeys = 20000
	throttleKnow = 7 * 24 * time.Hour // since the last login
)

// A throttle slows down the guessing of passwords. Who logged in from an
// address lately is held up only by failures of the same user from there, not
// by what others do. Users are account names in normal form. Safe for
// concurrent use.
type throttle struct {
	mu      sync.Mutex
	buckets map[throttleKey]bucket
	known   map[throttleKey]time.Time // the last login of a user from an address
}

type throttleKey struct{ addr, user string }

// A bucket of tries; it leaks one every so often.
type bucket struct {
	level float64
	at    time.Time
}

func (k throttleKey) rate() (tries float64, every time.Duration) {
	switch {
	case k.user == "":
		return addrTries, addrEvery
	case k.addr == "":
		return userTries, userEvery
	}
	return pairTries, pairEvery
}

func throttleKeysOf(addr, user string) [3]throttleKey {
	if len(user) > 64 {
		user = user[:64]
	}
	return [3]throttleKey{{addr, user}, {addr, ""}, {"", user}}
}

func (t *throttle) level(k throttleKey, now time.Time) float64 {
	b, ok := t.buckets[k]
	if !ok {
		return 0
	}
	_, every := k.rate()
	return max(0, b.level-float64(now.Sub(b.at))/float64(every))
}

// allow reports whether a login may be tried, and counts it as one that failed
// until succeeded is called: so that those under way at once count as well.
func (t *throttle) allow(addr, user string) bool {
	now := time.Now()
	keys := throttleKeysOf(addr, user)
	t.mu.Lock()
	defer t.mu.Unlock()
	check := keys[:]
	if at, ok := t.known[keys[0]]; ok && now.Sub(at) < throttleKnow {
		check = keys[:1]
	}
	for _, k := range check {
		if tries, _ := k.rate(); t.level(k, now) > tries-1 {
			return false
		}
	}
	if t.buckets == nil {
		t.buckets = make(map[throttleKey]bucket)
	}
	makeRoom(t.buckets, func(k throttleKey, _ bucket) bool { return t.level(k, now) == 0 })
	for _, k := range keys {
		tries, _ := k.rate()
		t.buckets[k] = bucket{min(t.level(k, now)+1, tries), now}
	}
	return true
}

// succeeded takes back what allow counted.
func (t *throttle) succeeded(addr, user string) {
	now := time.Now()
	keys := throttleKeysOf(addr, user)
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, k := range keys {
		if level := t.level(k, now) - 1; level > 0 {
			t.buckets[k] = bucket{level, now}
		} else {
			delete(t.buckets, k)
		}
	}
	if t.known == nil {
		t.known = make(map[throttleKey]time.Time)
	}
	makeRoom(t.known, func(_ throttleKey, at time.Time) bool { return now.Sub(at) >= throttleKnow })
	t.known[keys[0]] = now
}

// makeRoom bounds a map: those out of use go, and if all are in use half of
// them, whichever, so that this is rare.
func makeRoom[V any](m map[throttleKey]V, over func(throttleKey, V) bool) {
	if len(m) < throttleKeys {
		return
	}
	for k, v := range m {
		if over(k, v) {
			delete(m, k)
		}
	}
	for k := range m {
		if len(m) <= throttleKeys/2 {
			break
		}
		delete(m, k)
	}
}
