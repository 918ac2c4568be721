//go:build !race

package grammar

const sampled = 1
