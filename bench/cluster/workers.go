//go:build linux

package main

// The harness's side of its workers.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// clientsPerWorker leaves a process of 20,000 files some for itself.
const clientsPerWorker = 15_000

// A child is a worker as the harness sees it.
type child struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	out   *json.Decoder
	cpu   time.Duration // at its last answer
	first int           // its first client's number
	count int           // of its clients
}

// startWorkers starts as many workers as so many clients need, on the harness's cores. Those of a room stay together.
func startWorkers(clients, perRoom int) ([]*child, error) {
	each := clientsPerWorker / perRoom * perRoom
	var all []*child
	for first := 0; first < clients; first += each {
		w, err := startWorker(first, min(each, clients-first))
		if err != nil {
			stopWorkers(all)
			return nil, err
		}
		all = append(all, w)
	}
	return all, nil
}

func startWorker(first, count int) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	w := &child{cmd: exec.Command(self, "-worker"), first: first, count: count}
	w.cmd.Stderr = os.Stderr
	w.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	in, inErr := w.cmd.StdinPipe()
	out, outErr := w.cmd.StdoutPipe()
	if err := errors.Join(inErr, outErr); err != nil {
		return nil, err
	}
	w.in, w.out = in, json.NewDecoder(out)
	if err := w.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start a worker: %w", err)
	}
	return w, nil
}

// stopWorkers ends them, and with them their clients.
func stopWorkers(all []*child) {
	for _, w := range all {
		w.in.Close()
		_ = w.cmd.Process.Kill()
		_ = w.cmd.Wait() // it was killed
	}
}

// do has a worker do something, and waits for its answer. The worker is of no use after the end of ctx.
func (w *child) do(ctx context.Context, what string, args, result any) error {
	stop := context.AfterFunc(ctx, func() { _ = w.cmd.Process.Kill() })
	defer stop()
	text, err := json.Marshal(args)
	if err != nil {
		return err
	}
	if err := json.NewEncoder(w.in).Encode(call{what, text}); err != nil {
		return errors.Join(ctx.Err(), fmt.Errorf("worker: %s: %w", what, err))
	}
	var a answer
	if err := w.out.Decode(&a); err != nil {
		return errors.Join(ctx.Err(), fmt.Errorf("worker: %s: %w", what, err))
	}
	w.cpu = a.CPU
	if a.Error != "" {
		return errors.New(a.Error)
	}
	return json.Unmarshal(a.Result, result)
}

// each has all workers do something at a time, and returns their results.
func each[A, R any](ctx context.Context, all []*child, what string, args func(i int, w *child) A) ([]R, error) {
	results := make([]R, len(all))
	failed := make(chan error, len(all))
	for i, w := range all {
		go func() { failed <- w.do(ctx, what, args(i, w), &results[i]) }()
	}
	var errs []error
	for range all {
		errs = append(errs, <-failed)
	}
	return results, errors.Join(errs...)
}

func workersCPU(all []*child) (total time.Duration) {
	for _, w := range all {
		total += w.cpu
	}
	return total
}
