package cli

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-116355fd/signet/cmd/signet/internal/plain"
)

const (
	barEvery  = 100 * time.Millisecond
	lineFirst = 3 * time.Second
	lineEvery = 5 * time.Second

	// fileWork is what a file costs beside its octets, in octets that are read in the same time. It only has to be about
	// right, for the time that is left to be about right.
	fileWork = 32 << 10
)

// progress shows how far a batch has come: a bar on a terminal, a line every few seconds elsewhere.
type progress struct {
	screen *screen
	total  int
	work   float64 // of all

	done, failed atomic.Int64
	octets       atomic.Int64 // read so far

	start time.Time
	stop  chan struct{}
	ended sync.WaitGroup
}

func startProgress(s *screen, total int, octets int64, passes int) *progress {
	p := &progress{screen: s, total: total, start: time.Now(), stop: make(chan struct{})}
	p.work = float64(octets)*float64(passes) + float64(total)*fileWork
	p.ended.Go(p.run)
	return p
}

func (p *progress) run() {
	first, every := lineFirst, lineEvery
	if p.screen.terminal != nil {
		first, every = 3*barEvery, barEvery // none for what is over at once
	}
	timer := time.NewTimer(first)
	defer timer.Stop()
	for {
		select {
		case <-p.stop:
			return
		case <-timer.C:
		}
		if p.screen.terminal != nil {
			p.screen.show(p.bar(p.screen.width()))
		} else {
			p.screen.say("signet: %s", p.line())
		}
		timer.Reset(every)
	}
}

// end removes the bar.
func (p *progress) end() {
	close(p.stop)
	p.ended.Wait()
	p.screen.show("")
}

func (p *progress) result(ok bool) {
	if !ok {
		p.failed.Add(1)
	}
	p.done.Add(1)
}

// part is how much of the work is done, from 0 to 1.
func (p *progress) part() float64 {
	return min((float64(p.octets.Load())+float64(p.done.Load())*fileWork)/p.work, 1)
}

func (p *progress) line() string {
	done, elapsed := int(p.done.Load()), time.Since(p.start)
	parts := []string{fmt.Sprintf("%s of %s", plain.Count(done), plain.Plural(p.total, "file"))}
	parts = append(parts, plain.Rate(float64(done)/elapsed.Seconds()), plain.Size(float64(p.octets.Load())/elapsed.Seconds())+"/s")
	if part := p.part(); part > 0.001 && elapsed > time.Second/2 {
		left := time.Duration(float64(elapsed) * (1 - part) / part)
		parts = append(parts, plain.Duration(max(left, time.Second).Round(time.Second))+" left")
	}
	if failed := p.failed.Load(); failed != 0 {
		parts = append(parts, plain.Count(int(failed))+" failed")
	}
	return strings.Join(parts, ", ")
}

func (p *progress) bar(width int) string {
	line := p.line()
	const text, narrow, wide = 70, 10, 30 // columns of a long line, and of the bar
	if room := width - text; room >= narrow {
		line = bar(p.part(), min(room, wide)) + " " + line
	}
	return line[:min(len(line), max(width-1, 0))]
}

// summary is the last line.
func (p *progress) summary(verb string, ok int) string {
	elapsed := time.Since(p.start)
	s := fmt.Sprintf("%s %s of %s in %s", verb, plain.Count(ok), plain.Plural(p.total, "file"), plain.Duration(elapsed))
	if ok > 1 && elapsed > time.Second/10 {
		s += " (" + plain.Rate(float64(ok)/elapsed.Seconds()) + ")"
	}
	if failed := int(p.failed.Load()); failed != 0 {
		s += ", " + plain.Count(failed) + " failed"
	}
	return s
}

// counted counts the octets that are read.
type counted struct {
	io.ReadCloser
	octets *atomic.Int64
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.ReadCloser.Read(b)
	c.octets.Add(int64(n))
	return n, err
}
