package report

// Numbers as people read them, in the two languages of the documents.

import (
	"maps"
	"math"
	"strconv"
	"strings"
)

// A Language says how numbers and words are written.
type Language struct {
	decimal, thousands string
	yes, no            string
	words              map[string]string // from English; what is missing stays English
}

// English is the language that all texts are written in; Portuguese has their translations.
var English = Language{decimal: ".", thousands: ",", yes: "yes", no: "no"}

// With returns the language with further words: each text in English, and behind it what it is in this language.
func (l Language) With(texts ...string) Language {
	words := maps.Clone(l.words)
	maps.Copy(words, pairs(texts...))
	l.words = words
	return l
}

// Word translates a text.
func (l Language) Word(s string) string {
	if w, ok := l.words[s]; ok {
		return w
	}
	return s
}

// count returns a whole number.
func (l Language) count(n int64) string {
	digits := strconv.FormatInt(n, 10)
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && digits[i-1] != '-' && (len(digits)-i)%3 == 0 {
			b.WriteString(l.thousands)
		}
		b.WriteRune(d)
	}
	return b.String()
}

// digits returns a number with three significant digits, or with all those before the decimal point.
func (l Language) digits(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return "–"
	}
	places := 0
	if v != 0 {
		places = min(max(2-int(math.Floor(math.Log10(math.Abs(v)))), 0), 4)
	}
	text := strconv.FormatFloat(v, 'f', places, 64)
	whole, fraction, _ := strings.Cut(text, ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return text
	}
	sign := ""
	if n == 0 && v < 0 {
		sign = "-"
	}
	if fraction == "" {
		return sign + l.count(n)
	}
	return sign + l.count(n) + l.decimal + fraction
}

// Fixed returns a number with so many digits behind the decimal point.
func (l Language) Fixed(v float64, places int) string {
	whole, fraction, found := strings.Cut(strconv.FormatFloat(v, 'f', places, 64), ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	switch {
	case err != nil: // no number, or too large a one
		return whole
	case found:
		return l.count(n) + l.decimal + fraction
	}
	return l.count(n)
}

// Yes returns whether a goal is met, in bold where it is not.
func (l Language) Yes(met bool) string {
	if met {
		return l.yes
	}
	return "**" + l.no + "**"
}

// scale returns the unit to show a number of this size in, and what to divide it by.
func (u Unit) scale(v float64) (symbol string, by float64) {
	v = math.Abs(v)
	switch u {
	case Seconds:
		switch {
		case v < 1e-3:
			return " µs", 1e-6
		case v < 1:
			return " ms", 1e-3
		}
		return " s", 1
	case Bytes:
		switch {
		case v >= 1<<30:
			return " GB", 1 << 30
		case v >= 1<<20:
			return " MB", 1 << 20
		}
		return " KB", 1 << 10
	case Cores:
		return " " + string(Cores), 1
	case Times, PerSecond, YesNo:
		return string(u), 1
	}
	return "", 1
}

// number returns a value with its unit.
func (l Language) number(v float64, u Unit) string {
	if u == YesNo {
		if v >= 1 {
			return l.yes
		}
		return l.no
	}
	symbol, by := u.scale(v)
	return l.digits(v/by) + symbol
}

// spread returns a summary: its median, and the range if there were several rounds.
func (l Language) spread(s Summary, u Unit) string {
	if s.Rounds == 0 {
		return "–"
	}
	if s.Rounds == 1 || u == YesNo {
		if u == YesNo {
			return l.number(s.Min, u) // it must hold in every round
		}
		return l.number(s.Median, u)
	}
	_, by := u.scale(s.Median)
	return l.number(s.Median, u) + " (" + l.digits(s.Min/by) + "–" + l.digits(s.Max/by) + ")"
}
