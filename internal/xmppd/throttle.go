package xmppd

import (
	"sync"
	"time"
)

// Failed logins that are free, and how long it takes until one more is.
const (
	pairTries = 5 // of one user from one address
	pairEvery = 30 * time.Second
	addrTries = 50 // from one address, whoever the user
	addrEvery = 2 * time.Second
	userTries = 200 // of one user, wherever from: high, since it locks out the user too
	userEvery = time.Second

	throttleKeys = 20000
)

// A throttle slows down the guessing of passwords. Safe for concurrent use.
type throttle struct {
	mu      sync.Mutex
	buckets map[throttleKey]bucket
}

type throttleKey struct{ addr, user string }

// A bucket of failures; it leaks one every so often.
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

// allow reports whether a login may be tried.
func (t *throttle) allow(addr, user string) bool {
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, k := range throttleKeysOf(addr, user) {
		if tries, _ := k.rate(); t.level(k, now) > tries-1 {
			return false
		}
	}
	return true
}

// failed counts a login that failed.
func (t *throttle) failed(addr, user string) {
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.buckets == nil {
		t.buckets = make(map[throttleKey]bucket)
	}
	if len(t.buckets) >= throttleKeys {
		for k := range t.buckets {
			if t.level(k, now) == 0 {
				delete(t.buckets, k)
			}
		}
		// All in use: forget half of them, whichever, so that this is rare.
		for k := range t.buckets {
			if len(t.buckets) <= throttleKeys/2 {
				break
			}
			delete(t.buckets, k)
		}
	}
	for _, k := range throttleKeysOf(addr, user) {
		t.buckets[k] = bucket{t.level(k, now) + 1, now}
	}
}
