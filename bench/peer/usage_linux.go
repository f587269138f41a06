package peer

// What a process group has taken from the machine.

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

func (p *process) Usage() (Usage, error) {
	select {
	case <-p.ended:
		return Usage{}, ErrEnded
	default:
	}
	pids, err := group(p.cmd.Process.Pid)
	if err != nil {
		return Usage{}, err
	}
	total := Usage{At: time.Now()}
	for _, pid := range pids {
		u, err := usage(pid)
		if err != nil {
			if pid == p.cmd.Process.Pid {
				return Usage{}, errors.Join(ErrEnded, err)
			}
			continue // a child that has ended meanwhile
		}
		total.CPU += u.CPU
		total.User += u.User
		total.System += u.System
		total.RSS += u.RSS
		total.Peak += u.Peak
	}
	return total, nil
}

// usage returns that of one process, but for the time.
func usage(pid int) (u Usage, err error) {
	// The CPU clock of another process (clock_getcpuclockid(3)) counts the same as schedstat. Unlike the sum of
	// /proc/PID/task/*/schedstat it includes threads that have ended. The times of /proc/PID/stat count ticks, which
	// would alias with work that comes at a fixed rate. But nothing else divides the time into user and system.
	const processClock = 2 // CPUCLOCK_SCHED, whole process
	var ts unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|processClock), &ts); err != nil {
		return u, fmt.Errorf("cpu clock of process %d: %w", pid, err)
	}
	u.CPU = time.Duration(ts.Nano())
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return u, err
	}
	if err := u.divide(stat); err != nil {
		return u, fmt.Errorf("process %d: %w", pid, err)
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return u, err
	}
	var rssErr error
	u.RSS, rssErr = memory(status, "VmRSS")
	u.Peak, err = memory(status, "VmHWM")
	if err = errors.Join(rssErr, err); err != nil {
		return u, fmt.Errorf("process %d has no memory any more: %w", pid, err) // a zombie
	}
	return u, nil
}

// divide sets User and System to the parts of CPU that utime and stime of /proc/PID/stat are of their sum.
func (u *Usage) divide(stat []byte) error {
	const utime, stime = 11, 12 // after the name: proc_pid_stat(5) numbers them 14 and 15
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) <= stime {
		return errors.New("its stat has no times")
	}
	user, err := strconv.ParseFloat(string(fields[utime]), 64)
	if err != nil {
		return err
	}
	system, err := strconv.ParseFloat(string(fields[stime]), 64)
	if err != nil {
		return err
	}
	if sum := user + system; sum > 0 {
		u.User = time.Duration(float64(u.CPU) * user / sum)
		u.System = u.CPU - u.User
	}
	return nil
}

// memory finds a number of kilobytes in /proc/PID/status and returns bytes.
func memory(status []byte, name string) (int64, error) {
	_, rest, _ := bytes.Cut(status, []byte("\n"+name+":"))
	fields := bytes.Fields(rest)
	if len(fields) < 2 {
		return 0, fmt.Errorf("no %s", name)
	}
	kilobytes, err := strconv.ParseInt(string(fields[0]), 10, 64)
	return kilobytes << 10, err
}

// group returns the processes of a process group, its leader among them.
func group(leader int) ([]int, error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, file := range stats {
		stat, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended meanwhile
		}
		// "pid (name) state ppid pgrp ...". The name may contain anything, even parentheses.
		fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
		if len(fields) < 3 || string(fields[2]) != strconv.Itoa(leader) {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file))); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}
