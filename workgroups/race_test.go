//go:build race

package workgroups

func init() { raceDetector = true }
