// Package oncall says who is on call, and when: rotations in layers, hours of the
// week, and overrides. It is arithmetic alone, with no clock and no files.
//
// A [Schedule] has [Layer]s. Each has people who take turns of equal length
// ([Layer].Every), and may be confined to hours of the week ([Window]). Where
// several layers have somebody at a time, the last of them counts; an [Override]
// counts more than all of them. [Schedule.At] says who is on call at a time and
// why, [Schedule.Shifts] lists who is on call between two.
//
// # Clocks that change
//
// Hand-overs and hours are times on the wall of the schedule's zone. A week is
// seven days on the wall: an hour shorter or longer when the clocks change. A
// time that the wall skips is the moment it skips it, and one that it shows twice
// is the first: a hand-over happens once, and nobody's turn comes back.
package oncall
