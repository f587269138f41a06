package timeouts

import (
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

type thing struct {
	Timeout[*thing]
	began  time.Time
	length time.Duration
	due    []time.Duration // after how long
}

// Each is due when it is time, in order, once; those that are stopped are not.
func TestTimeouts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		set := New(func(s *thing, late time.Duration) {
			if late != 0 {
				t.Errorf("%v late, on a clock that stands still while somebody has something to do", late)
			}
			s.due = append(s.due, time.Since(s.began))
		})
		start := func(s *thing, length time.Duration) {
			s.Of, s.began, s.length = s, time.Now(), length
			set.Start(&s.Timeout, length)
		}
		var things [200]thing
		lengths := []time.Duration{time.Second, 3 * time.Second, 10 * time.Second}
		for i := range things {
			start(&things[i], lengths[i%3])
			time.Sleep(time.Millisecond)
		}
		set.Stop(&things[3].Timeout)     // in the middle of its line
		set.Stop(&things[0].Timeout)     // the first
		set.Stop(&things[0].Timeout)     // again
		set.Stop(&things[198].Timeout)   // the last of its line
		start(&things[1], 3*time.Second) // anew
		start(&things[4], time.Second)   // in another line
		time.Sleep(time.Minute)
		synctest.Wait()
		for i := range things {
			s := &things[i]
			switch {
			case i == 0 || i == 3 || i == 198:
				if len(s.due) > 0 {
					t.Errorf("the %dth was due after %v; it had been stopped", i, s.due)
				}
			case len(s.due) != 1 || s.due[0] != s.length:
				t.Errorf("the %dth was due after %v, not %v", i, s.due, s.length)
			}
			if set.Running(&s.Timeout) {
				t.Errorf("the %dth is running", i)
			}
		}
		for _, l := range set.lines {
			if l.ticking || l.first != nil || l.last != nil {
				t.Errorf("the line of %v is %+v", l.length, l)
			}
		}
	})
}

// What is stopped leaves no timer behind, and one that is started again in due is due again.
func TestStoppingAndStartingAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var set *Set[*thing]
		set = New(func(s *thing, _ time.Duration) {
			s.due = append(s.due, time.Since(s.began))
			if len(s.due) < 3 {
				set.Start(&s.Timeout, time.Second)
			}
		})
		a := &thing{began: time.Now()}
		a.Of = a
		set.Start(&a.Timeout, time.Second)
		time.Sleep(100 * time.Millisecond)
		if left := set.Left(&a.Timeout); left != 900*time.Millisecond || !set.Running(&a.Timeout) {
			t.Errorf("it is due in %v", left)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(a.due) != 3 || a.due[2] != 3*time.Second || set.Left(&a.Timeout) != 0 {
			t.Errorf("due after %v", a.due)
		}
		set.Start(&a.Timeout, time.Hour)
		set.Stop(&a.Timeout)
		if l := set.line(time.Hour); l.ticking || l.timer.Stop() {
			t.Error("its timer is left")
		}
	})
}

// Started and stopped from everywhere, with real time: the race detector looks on, and nothing is lost.
func TestConcurrently(t *testing.T) {
	var due sync.WaitGroup
	set := New(func(*thing, time.Duration) { due.Done() })
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 500 {
				s := new(thing)
				s.Of = s
				set.Start(&s.Timeout, time.Hour)
				due.Add(1)
				set.Start(&s.Timeout, time.Duration(rand.N(3))*time.Millisecond)
				if other := new(thing); rand.N(2) == 0 {
					set.Start(&other.Timeout, time.Minute)
					set.Stop(&other.Timeout)
				}
			}
		})
	}
	all.Wait()
	due.Wait()
}
