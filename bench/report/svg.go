package report

// Draws SVG that is readable on a light and on a dark page: text takes the page's colours, and the others suit both.

import (
	"fmt"
	"html"
	"math"
	"slices"
	"strings"
)

// Sizes in pixels.
const (
	plotWidth, plotHeight       = 760, 400
	leftMargin, rightMargin     = 80, 150
	topMargin, bottomMargin     = 40, 50
	barHeight, barGap, groupGap = 16, 3, 18
)

// colours of the peers in colourOrder. Ours stands out.
var (
	colourOrder = []string{
		ours, "nest", "node-ws", "zishang520-v2", "zishang520-v3", "floor", "centrifuge", "ours-memory", "nest12",
		"uws", "bun",
	}
	colours = []string{
		"#e5484d", "#3e63dd", "#46a758", "#a18072", "#8e8c99", "#d6911f", "#8e4ec6", "#f2a1a4", "#7d9bf5", "#0f9b9b",
		"#b5651d",
	}
)

func colour(peer string) string {
	if i := slices.Index(colourOrder, peer); i >= 0 {
		return colours[i]
	}
	return "#888888"
}

// A canvas collects the elements of a picture.
type canvas struct{ strings.Builder }

func newCanvas(width, height int, title string) *canvas {
	c := &canvas{}
	const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img">`
	fmt.Fprintf(c, svg+"\n",
		width, height, width, height)
	fmt.Fprintf(c, "<title>%s</title>\n", html.EscapeString(title))
	c.WriteString("<style>\n" +
		"text { font: 12px system-ui, sans-serif; fill: #24292f }\n" +
		".grid { stroke: #8886; stroke-width: 1 }\n" +
		".title { font-size: 14px; font-weight: 600 }\n" +
		"@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } }\n" +
		"</style>\n")
	c.text(leftMargin, 22, "start", "title", title)
	return c
}

func (c *canvas) done() string { return c.String() + "</svg>\n" }

func (c *canvas) text(x, y float64, anchor, class, s string) {
	fmt.Fprintf(c, `<text x="%.1f" y="%.1f" text-anchor="%s" class="%s">%s</text>`+"\n",
		x, y, anchor, class, html.EscapeString(s))
}

func (c *canvas) line(x1, y1, x2, y2 float64) {
	fmt.Fprintf(c, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" class="grid"/>`+"\n", x1, y1, x2, y2)
}

// A scale maps values to pixels.
type scale struct {
	axis
	min, max float64 // of the values; powers of ten on a logarithmic axis
	from, to float64 // pixels
}

func newScale(a axis, values []float64, from, to float64) scale {
	s := scale{axis: a, from: from, to: to, max: slices.Max(values)}
	if a.log {
		s.min = math.Pow(10, math.Floor(math.Log10(slices.Min(values))))
		s.max = math.Pow(10, math.Ceil(math.Log10(s.max)))
		if s.max == s.min {
			s.max *= 10
		}
	} else if s.max <= 0 {
		s.max = 1
	}
	return s
}

func (s scale) at(v float64) float64 {
	part := (v - s.min) / (s.max - s.min)
	if s.log {
		part = math.Log10(v/s.min) / math.Log10(s.max/s.min)
	}
	return s.from + part*(s.to-s.from)
}

// ticks returns about five round values within the range.
func (s scale) ticks() []float64 {
	var ticks []float64
	if s.log {
		for v := s.min; v <= s.max*1.0001; v *= 10 {
			ticks = append(ticks, v)
		}
		return ticks
	}
	_, unit := s.unit.scale(s.max)
	rough := s.max / unit / 5
	power := math.Pow(10, math.Floor(math.Log10(rough)))
	step := power * 10
	for _, n := range []float64{1, 2, 5} {
		if n*power >= rough {
			step = n * power
			break
		}
	}
	for i := 0.0; i*step*unit <= s.max*1.0001; i++ {
		ticks = append(ticks, i*step*unit)
	}
	return ticks
}

// label returns a tick's text.
func (s scale) label(v float64) string {
	if s.unit == PerSecond || s.unit == "" {
		switch {
		case v >= 1e6:
			return English.short(v/1e6) + " M"
		case v >= 1e3:
			return English.short(v/1e3) + " k"
		}
		return English.short(v)
	}
	of := s.max // the ticks of a linear axis share a unit
	if s.log {
		of = v * 1.0001 // 1e-3 may come out a little smaller
	}
	symbol, by := s.unit.scale(of)
	return English.short(v/by) + symbol
}

// short returns a number without trailing zeros.
func (l Language) short(v float64) string {
	text := strings.TrimRight(strings.TrimRight(fmt.Sprintf("%.2f", v), "0"), ".")
	return strings.Replace(text, ".", l.decimal, 1)
}

func drawLines(p plot, all []series) string {
	var xs, ys []float64
	for _, s := range all {
		for _, pt := range s.points {
			xs, ys = append(xs, pt.x), append(ys, pt.y)
		}
	}
	c := newCanvas(plotWidth, plotHeight, p.title)
	x := newScale(p.x, xs, leftMargin, plotWidth-rightMargin)
	y := newScale(p.y, ys, plotHeight-bottomMargin, topMargin)
	for _, v := range x.ticks() {
		c.line(x.at(v), y.from, x.at(v), y.to)
		c.text(x.at(v), y.from+18, "middle", "", x.label(v))
	}
	for _, v := range y.ticks() {
		c.line(x.from, y.at(v), x.to, y.at(v))
		c.text(x.from-8, y.at(v)+4, "end", "", y.label(v))
	}
	c.text((x.from+x.to)/2, plotHeight-10, "middle", "", p.x.title)
	fmt.Fprintf(c, `<text transform="translate(16 %.1f) rotate(-90)" text-anchor="middle">%s</text>`+"\n",
		(y.from+y.to)/2, html.EscapeString(p.y.title))
	for i, s := range all {
		var path []string
		for _, pt := range s.points {
			path = append(path, fmt.Sprintf("%.1f,%.1f", x.at(pt.x), y.at(pt.y)))
			fmt.Fprintf(c, `<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>`+"\n", x.at(pt.x), y.at(pt.y), colour(s.peer))
		}
		fmt.Fprintf(c, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>`+"\n",
			strings.Join(path, " "), colour(s.peer))
		if s.ended {
			end := s.points[len(s.points)-1]
			fmt.Fprintf(c, `<path d="M%.1f %.1fl8 8m0 -8l-8 8" stroke="%s" stroke-width="2" `+
				`transform="translate(-4 -4)"/>`+"\n", x.at(end.x), y.at(end.y), colour(s.peer))
		}
		c.legend(i, s.peer)
	}
	if slices.ContainsFunc(all, func(s series) bool { return s.ended }) {
		c.text(plotWidth-rightMargin+16, float64(topMargin+20*len(all)+18), "start", "", "× can do no more")
	}
	return c.done()
}

func (c *canvas) legend(i int, peer string) {
	top := float64(topMargin + 20*i)
	fmt.Fprintf(c, `<rect x="%d" y="%.1f" width="12" height="12" fill="%s"/>`+"\n",
		plotWidth-rightMargin+16, top, colour(peer))
	c.text(plotWidth-rightMargin+34, top+10, "start", "", peer)
}

// drawBars draws a group for each of the plot's bars. A group has one bar for each peer.
func (r *Run) drawBars(p plot) string {
	type row struct {
		peer  string
		value float64
	}
	var groups [][]row
	var titles []string
	var values []float64
	for _, b := range p.bars {
		var rows []row
		for _, peer := range r.peerNames() {
			if s := r.summary(b.workload, peer, b.metric); s.Rounds > 0 {
				rows = append(rows, row{peer, s.Median})
				values = append(values, s.Median)
			}
		}
		if len(rows) > 0 {
			groups, titles = append(groups, rows), append(titles, b.title)
		}
	}
	if len(groups) == 0 {
		return ""
	}
	const nameWidth = 110
	height := float64(topMargin)
	for _, rows := range groups {
		height += float64(groupGap + groupGap + len(rows)*(barHeight+barGap))
	}
	c := newCanvas(plotWidth, int(height)+bottomMargin-20, p.title)
	x := newScale(p.x, values, leftMargin+nameWidth-40, plotWidth-90)
	for _, v := range x.ticks() {
		c.line(x.at(v), topMargin, x.at(v), height)
		c.text(x.at(v), height+16, "middle", "", x.label(v))
	}
	top := float64(topMargin)
	for i, rows := range groups {
		c.text(10, top+groupGap-4, "start", "title", titles[i])
		top += groupGap
		for _, row := range rows {
			fmt.Fprintf(c, `<rect x="%.1f" y="%.1f" width="%.1f" height="%d" fill="%s"/>`+"\n",
				x.from, top, x.at(row.value)-x.from, barHeight, colour(row.peer))
			c.text(x.from-6, top+12, "end", "", row.peer)
			c.text(x.at(row.value)+5, top+12, "start", "", English.digits(row.value))
			top += barHeight + barGap
		}
		top += groupGap
	}
	return c.done()
}
