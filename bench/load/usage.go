//go:build linux

package load

// What the generator itself costs, and on which core it runs.

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// OwnCPU returns the CPU time of this process, by the scheduler's clock. A clock of ticks could miss a load with a
// similar rhythm. The time of threads that have ended is not included; a Go program ends hardly any.
func OwnCPU() (time.Duration, error) {
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return 0, err
	}
	var total time.Duration
	for _, task := range tasks {
		stat, err := os.ReadFile("/proc/self/task/" + task.Name() + "/schedstat")
		if os.IsNotExist(err) {
			continue // it has just ended
		}
		if err != nil {
			return 0, err
		}
		running, _, _ := bytes.Cut(stat, []byte(" "))
		ns, err := strconv.ParseInt(string(running), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("load: schedstat %q: %w", stat, err)
		}
		total += time.Duration(ns)
	}
	return total, nil
}

// Cores returns the cores that this process may run on.
func Cores() ([]int, error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return nil, os.NewSyscallError("sched_getaffinity", err)
	}
	var cores []int
	for core := 0; len(cores) < set.Count(); core++ {
		if set.IsSet(core) {
			cores = append(cores, core)
		}
	}
	return cores, nil
}

// Pin binds all threads of this process to one core. Threads and processes that they start inherit it.
func Pin(core int) error { return PinTo([]int{core}) }

// PinTo is Pin to some cores.
func PinTo(cores []int) error {
	var set unix.CPUSet
	for _, core := range cores {
		set.Set(core)
	}
	return eachThread("sched_setaffinity", func(tid int) error { return unix.SchedSetaffinity(tid, &set) })
}

// Yield has all threads of this process, and those that they start, run only when nobody else wants their core
// (SCHED_IDLE).
func Yield() error { return schedule(unix.SchedAttr{Policy: policyIdle}) }

// Precede has all threads of this process, and those that they start, take their core from other processes whenever
// they have something to do (SCHED_FIFO), until Share is called. A kernel may otherwise leave a core to those of Yield
// until its next tick, up to 4 ms, although somebody else has woken up. It takes root, or CAP_SYS_NICE. Processes that
// are started meanwhile do so too.
func Precede() error { return schedule(unix.SchedAttr{Policy: policyFIFO, Priority: 1}) }

// Share undoes Precede and Yield.
func Share() error { return schedule(unix.SchedAttr{Policy: policyOther}) }

const (
	policyOther = 0
	policyFIFO  = 1
	policyIdle  = 5
)

func schedule(attr unix.SchedAttr) error {
	attr.Size = unix.SizeofSchedAttr
	return eachThread("sched_setattr", func(tid int) error { return unix.SchedSetAttr(tid, &attr, 0) })
}

// eachThread makes a system call for each thread of this process.
func eachThread(name string, call func(tid int) error) error {
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return err
	}
	for _, task := range tasks {
		tid, err := strconv.Atoi(task.Name())
		if err != nil {
			continue
		}
		if err := call(tid); err != nil && err != unix.ESRCH {
			return os.NewSyscallError(name, err)
		}
	}
	return nil
}
