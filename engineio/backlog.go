package engineio

// Work that takes too long for a flusher, where others wait: compressing, and the writing of long answers.

import (
	"sync"

	"github.com/brunossouza/websocket-escalonavel/internal/turns"
)

// A backlog has such work done by a few goroutines. It has no more of them than most, and none without work.
type backlog struct {
	most int

	mu      sync.Mutex
	jobs    []func()
	running int
}

// add has job done soon, and does not wait for it.
func (l *backlog) add(job func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.jobs = append(l.jobs, job)
	if l.running < l.most {
		l.running++
		go l.run()
	}
}

// do has job done and waits for it.
func (l *backlog) do(job func()) {
	done := make(chan struct{})
	l.add(func() { job(); close(done) })
	<-done
}

func (l *backlog) run() {
	for {
		l.mu.Lock()
		if len(l.jobs) == 0 {
			l.jobs = nil
			l.running--
			l.mu.Unlock()
			return
		}
		job := l.jobs[0]
		l.jobs[0] = nil
		l.jobs = l.jobs[1:]
		l.mu.Unlock()
		job()
		turns.Yield() // the flushers first
	}
}
