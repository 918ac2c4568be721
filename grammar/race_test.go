//go:build race

package grammar

// sampled is how many times fewer lines the big property tests read: the race
// detector makes them ten times slower and proves nothing more about a line. The
// plain run reads them all.
const sampled = 8
