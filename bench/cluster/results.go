//go:build linux

package main

// All measurements of a run, what they are to reach, and what has gone wrong.

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/brunossouza/websocket-escalonavel/bench/report"
)

// What it is to reach.
const (
	goalLast      = 2.0  // times what one node would take for the same deliveries
	goalBystander = 0.03 // of a core
	goalTalk      = 24_000.0
	goalJoins     = 20_000.0 // a second
	goalAck       = 100 * time.Millisecond
	// enough is the share of a rate that has to be reached for the measurement to count.
	enough = 0.95
)

// results are all measurements of a run.
type results struct {
	date    time.Time
	machine report.Machine
	options options
	others  float64 // cores that other processes, and other machines on the same hardware, used meanwhile
	alone   *crowd
	kinds   []*ofKind
}

// ofKind is what was measured of one kind of nodes.
type ofKind struct {
	kind
	crowd     *crowd
	storms    []storm
	bystander *bystander
	steps     []step
	rescue    *rescue
	failed    error // with what the measurement has ended
}

// aloneTime is what one node would take for a broadcast to all clients: as long for each as with those it had.
func (r *results) aloneTime() time.Duration {
	if r.alone == nil {
		return 0
	}
	return time.Duration(float64(r.alone.last()) * float64(r.options.clients) / float64(r.alone.clients))
}

// lastRatio is how much longer the last client of a kind's nodes waits than with one node.
func (r *results) lastRatio(k *ofKind) float64 {
	if k.crowd == nil || r.aloneTime() == 0 {
		return 0
	}
	return float64(k.crowd.last()) / float64(r.aloneTime())
}

// A judged is a goal, what was measured of each kind that it is for, and whether all of these met it.
type judged struct {
	goal, bound string // in English
	measured    []judgement
	met         bool
}

type judgement struct {
	kind  string
	value string
}

// goals are the goals of which something was measured.
func (r *results) goals(l report.Language) (list []judged) {
	add := func(goal, bound string, of func(k *ofKind) (value string, met, measured bool)) {
		j := judged{goal: goal, bound: bound, met: true}
		for _, k := range r.kinds {
			if !k.ours() {
				continue
			}
			if value, met, measured := of(k); measured {
				j.measured = append(j.measured, judgement{k.name, value})
				j.met = j.met && met
			}
		}
		if len(j.measured) > 0 {
			list = append(list, j)
		}
	}
	add("a broadcast to all: delivered", "100%", func(k *ofKind) (string, bool, bool) {
		if k.crowd == nil {
			return "", false, false
		}
		d := k.crowd.broadcasts
		return l.Fixed(100*float64(d.received)/float64(d.owed), 3) + "%", d.missing() == 0, true
	})
	add("the last client has a broadcast, against one node", "at most 2×", func(k *ofKind) (string, bool, bool) {
		ratio := r.lastRatio(k)
		return l.Fixed(ratio, 2) + "×", ratio <= goalLast, ratio > 0
	})
	add("a bystander of 24,000 messages/s: of a core", "at most 3%", func(k *ofKind) (string, bool, bool) {
		if k.bystander == nil || k.adapter != "sharded" && k.adapter != "nats" {
			return "", false, false
		}
		b := k.bystander
		value := l.Fixed(100*b.busy, 1) + "%"
		if b.rate < enough*goalTalk {
			value += " (" + l.Fixed(b.rate, 0) + "/s)"
		}
		return value, b.busy <= goalBystander && b.rate >= enough*goalTalk, true
	})
	add("20,000 joins of new rooms/s: p99", "at most 100 ms", func(k *ofKind) (string, bool, bool) {
		if len(k.storms) == 0 {
			return "", false, false
		}
		s := k.storms[len(k.storms)-1]
		for i := len(k.storms) - 1; i >= 0 && k.storms[i].rate >= goalJoins; i-- {
			s = k.storms[i] // the lowest of those rates
		}
		value := milliseconds(l, s.join.p99)
		if s.rate < goalJoins {
			value += " (" + l.Fixed(s.rate, 0) + "/s)"
		}
		return value, s.rate >= goalJoins && s.join.p99 <= goalAck && s.join.acked == s.join.sent, true
	})
	return list
}

// failure is what went wrong with ours: a delivery that is missing, or came twice, or a request without an answer. What
// Redis's Pub/Sub loses to a node that is killed counts for the streams only. A goal that is missed is shown and no
// failure, as it depends on the machine.
func (r *results) failure() error {
	var errs []error
	for _, k := range r.kinds {
		if !k.ours() {
			continue
		}
		count := func(what string, d deliveries) {
			if d.missing() != 0 || d.faults != 0 {
				errs = append(errs, fmt.Errorf("%s, %s: %v", k.name, what, d))
			}
		}
		if k.crowd != nil {
			count("broadcasts", k.crowd.broadcasts)
			count("rooms", k.crowd.rooms.deliveries)
		}
		for _, s := range k.storms {
			if s.join.acked < s.join.sent || s.leave.acked < s.leave.sent || s.reached < s.sampled {
				errs = append(errs, fmt.Errorf("%s: %v", k.name, s))
			}
		}
		if k.bystander != nil {
			count("rooms beside the bystander", k.bystander.deliveries)
		}
		for _, s := range k.steps {
			count(fmt.Sprintf("rooms on %d nodes", s.nodes), s.deliveries)
		}
		if k.rescue != nil {
			count("recovery", k.rescue.deliveries)
		}
	}
	return errors.Join(errs...)
}

// A usage is how much of the machine was used, and by whom.
type usage struct {
	at          time.Time
	machine, us time.Duration
}

// machineUsage reads how much of the machine was used so far, by all, and by this process and those that it has waited
// for.
func machineUsage() (u usage, err error) {
	u.at = time.Now()
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		return u, err
	}
	// "cpu user nice system idle iowait irq softirq steal ...", in ticks of 10 ms (proc(5)).
	line, _, _ := bytes.Cut(stat, []byte("\n"))
	for i, field := range bytes.Fields(line) {
		if i == 0 || i == 4 || i == 5 || i > 8 {
			continue
		}
		n, err := strconv.ParseInt(string(field), 10, 64)
		if err != nil {
			return u, fmt.Errorf("/proc/stat: %w", err)
		}
		u.machine += time.Duration(n) * 10 * time.Millisecond
	}
	for _, who := range []int{unix.RUSAGE_SELF, unix.RUSAGE_CHILDREN} {
		var ru unix.Rusage
		if err := unix.Getrusage(who, &ru); err != nil {
			return u, os.NewSyscallError("getrusage", err)
		}
		u.us += time.Duration(ru.Utime.Nano() + ru.Stime.Nano())
	}
	return u, nil
}

// othersSince is how many cores others have used since then.
func othersSince(before usage) (float64, error) {
	after, err := machineUsage()
	if err != nil {
		return 0, err
	}
	others := (after.machine - before.machine) - (after.us - before.us)
	return max(others.Seconds()/after.at.Sub(before.at).Seconds(), 0), nil
}
