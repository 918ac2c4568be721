package bench

import (
	"bytes"
	"fmt"
	"math"
)

// Geometry of the plot, in pixels.
const (
	plotWidth, plotHeight = 640, 360
	plotLeft, plotRight   = 64, 24
	plotTop, plotBottom   = 44, 48
)

// Plot is docs/fanout.svg: what a fan-out costs for each host, over the size of
// the fleet. It is nil if there are fewer than two sizes.
func (r Report) Plot() []byte {
	var points []Figure
	for _, f := range r.Figures {
		if f.Name == "fanout per host" {
			points = append(points, f)
		}
	}
	if len(points) < 2 {
		return nil
	}
	first, last, top := points[0].Size, points[0].Size, 0.0
	for _, p := range points {
		first, last, top = min(first, p.Size), max(last, p.Size), max(top, p.Median)
	}
	step := niceStep(top / 4)
	top = step * math.Ceil(top*1.1/step)
	x := func(size int) float64 { // logarithmic
		return plotLeft + (plotWidth-plotLeft-plotRight)*math.Log(float64(size)/float64(first))/math.Log(float64(last)/float64(first))
	}
	y := func(v float64) float64 { return plotHeight - plotBottom - (plotHeight-plotTop-plotBottom)*v/top }

	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12" fill="#333">`+"\n", plotWidth, plotHeight, plotWidth, plotHeight)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#fff"/>`+"\n", plotWidth, plotHeight)
	fmt.Fprintf(&b, `<text x="%d" y="24" font-size="14">Fan-out: µs for each host, from the start of adminbot rpc to its exit</text>`+"\n", plotLeft)
	for v := 0.0; v <= top+step/2; v += step {
		fmt.Fprintf(&b, `<path d="M%d %.1fH%d" stroke="#ddd"/><text x="%d" y="%.1f" text-anchor="end">%s</text>`+"\n", plotLeft, y(v), plotWidth-plotRight, plotLeft-8, y(v)+4, number(v))
	}
	var line bytes.Buffer
	for i, p := range points {
		command := "L"
		if i == 0 {
			command = "M"
		}
		fmt.Fprintf(&line, "%s%.1f %.1f", command, x(p.Size), y(p.Median))
		fmt.Fprintf(&b, `<text x="%.1f" y="%d" text-anchor="middle">%d</text>`+"\n", x(p.Size), plotHeight-plotBottom+18, p.Size)
	}
	fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="end">hosts</text>`+"\n", plotWidth-plotRight, plotHeight-8)
	fmt.Fprintf(&b, `<path d="%s" fill="none" stroke="#1565c0" stroke-width="2"/>`+"\n", line.Bytes())
	for _, p := range points {
		fmt.Fprintf(&b, `<circle cx="%.1f" cy="%.1f" r="4" fill="#1565c0"/><text x="%.1f" y="%.1f" text-anchor="middle">%s</text>`+"\n", x(p.Size), y(p.Median), x(p.Size), y(p.Median)-10, number(p.Median))
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}

// niceStep is the smallest of 1, 2, 5, 10, 20, … that is not below v.
func niceStep(v float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 2, 5} {
		if m*power >= v {
			return m * power
		}
	}
	return 10 * power
}
