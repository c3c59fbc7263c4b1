//go:build cgo && unix

package soak

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// sample is what was seen of the process at one moment.
type sample struct {
	at                                             time.Duration
	rss, heap, goroutines, threads, fds            float64
	open, busy, requests, contents, served, signed float64
}

// sampler looks at the process now and then.
type sampler struct {
	w     *world
	start time.Time
	mu    sync.Mutex
	all   []sample
}

func (w *world) sample(start time.Time) (sample, error) {
	f, err := w.figures()
	if err != nil {
		return sample{}, err
	}
	s := sample{at: time.Since(start), heap: f["go_memstats_heap_inuse_bytes"], goroutines: f["go_goroutines"], open: f.stores("open"), busy: f.stores("busy"),
		requests: f["signet_requests_under_way"] + f["signet_requests_waiting"], contents: f["signet_contents_under_way"],
		served: f.sum("signet_requests_total"), signed: f.sum("signet_contents_signed_total")}
	proc := fmt.Sprintf("/proc/%d/", w.process.Process.Pid)
	status, err := os.ReadFile(proc + "status")
	if err != nil {
		return s, err
	}
	for line := range strings.Lines(string(status)) {
		name, value, _ := strings.Cut(line, ":")
		n, _ := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 64)
		switch name {
		case "VmRSS":
			s.rss = n * 1024
		case "Threads":
			s.threads = n
		}
	}
	files, err := os.ReadDir(proc + "fd")
	s.fds = float64(len(files))
	return s, err
}

func (s *sampler) run(ctx context.Context, every time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		one, err := s.w.sample(s.start)
		if err != nil {
			s.w.judge.fault("the process cannot be looked at: %v", err)
			return
		}
		s.mu.Lock()
		s.all = append(s.all, one)
		s.mu.Unlock()
	}
}

// quarter is a part of the samples.
func (s *sampler) quarter(n int) []sample {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all[len(s.all)*n/4 : len(s.all)*(n+1)/4]
}

func median(all []sample, of func(sample) float64) float64 {
	values := make([]float64, 0, len(all))
	for _, s := range all {
		values = append(values, of(s))
	}
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return values[len(values)/2]
}

func most(all []sample, of func(sample) float64) float64 {
	n := 0.0
	for _, s := range all {
		n = max(n, of(s))
	}
	return n
}

// The columns of the table.
func rss(s sample) float64        { return s.rss / (1 << 20) }
func heap(s sample) float64       { return s.heap / (1 << 20) }
func goroutines(s sample) float64 { return s.goroutines }
func threads(s sample) float64    { return s.threads }
func fds(s sample) float64        { return s.fds }
func open(s sample) float64       { return s.open }

// table is for docs/reliability.md. Each cell is the median and the most.
func (s *sampler) table(before, after sample) string {
	var b strings.Builder
	b.WriteString("| | requests/s | signatures/s | RSS, MiB | heap in use, MiB | goroutines | threads | descriptors | sessions |\n|---|---|---|---|---|---|---|---|---|\n")
	quiet := func(name string, q sample) {
		fmt.Fprintf(&b, "| %s | - | - | %.0f | %.0f | %.0f | %.0f | %.0f | %.0f |\n", name, rss(q), heap(q), q.goroutines, q.threads, q.fds, q.open)
	}
	quiet("quiet, after warming up", before)
	for i := range 4 {
		q := s.quarter(i)
		if len(q) == 0 {
			continue
		}
		first, last := q[0], q[len(q)-1]
		seconds := max(last.at.Seconds()-first.at.Seconds(), 0.001)
		cell := func(of func(sample) float64) string { return fmt.Sprintf("%.0f (%.0f)", median(q, of), most(q, of)) }
		fmt.Fprintf(&b, "| quarter %d, to %s | %.0f | %.0f | %s | %s | %s | %s | %s | %s |\n", i+1, last.at.Round(time.Second), (last.served-first.served)/seconds,
			(last.signed-first.signed)/seconds, cell(rss), cell(heap), cell(goroutines), cell(threads), cell(fds), cell(open))
	}
	quiet("quiet, at the end", after)
	return b.String()
}
