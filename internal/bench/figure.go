// Package bench measures AdminBot on the machine it runs on: what `adminbot
// bench` prints, and what docs/performance.md shows.
//
// Each measurement is a function that takes where to measure ([Installation] or
// [Target]) and how much, and returns [Figure] values. The same functions
// measure other XMPP servers, so that the numbers can be set side by side.
package bench

import (
	"math"
	"slices"
)

// A Figure is one measured number, or the distribution of it.
type Figure struct {
	Name   string  `json:"name"`             // what was measured: "fanout", "rpc"
	Server string  `json:"server,omitempty"` // "embedded", "Prosody 0.12.3"
	Size   int     `json:"size,omitempty"`   // hosts, sessions or the like; 0 where there is no size
	Unit   string  `json:"unit"`             // of all that follows but N
	N      int     `json:"n"`                // samples
	Median float64 `json:"median"`
	P95    float64 `json:"p95"`
	P99    float64 `json:"p99"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
	Note   string  `json:"note,omitempty"` // what a reader must know of it
}

// of makes a figure of samples, of which there must be one at least.
func of(name, unit string, size int, samples ...float64) Figure {
	s := slices.Clone(samples)
	slices.Sort(s)
	return Figure{
		Name: name, Unit: unit, Size: size, N: len(s),
		Median: quantile(s, 0.5), P95: quantile(s, 0.95), P99: quantile(s, 0.99), Min: s[0], Max: s[len(s)-1],
	}
}

// quantile is the smallest of the sorted samples that is not below a share q of
// them; the median of an even number is the mean of the middle two.
func quantile(s []float64, q float64) float64 {
	if q == 0.5 && len(s)%2 == 0 {
		return (s[len(s)/2-1] + s[len(s)/2]) / 2
	}
	return s[max(0, int(math.Ceil(q*float64(len(s))))-1)]
}
