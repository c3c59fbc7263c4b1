package batch

import (
	"runtime"
	"sync"
)

// fewest is from how many contents on a key that computes several side by side is worth its while: as many as fill the lanes once.
const fewest = 8

// chunk is what one worker has in hands: contents on their way from prepare to finish, which it does all by itself.
type chunk struct {
	tasks  []*task // prepared, or to be
	to     int     // those before it are prepared or over
	ready  []*task // prepared
	signed int     // of ready, those that went to the key
	ended  int     // of ready, those that were finished, or failed
}

// inChunks takes contents through a key that computes many at once in this process. Each worker takes up what is there, at most as many as
// the key likes, and waits for no more. A chunk outlives the goroutine that works on it.
func (r *run) inChunks() {
	if r.o.KeyLimit > 0 {
		r.key = make(semaphore, r.o.KeyLimit)
	}
	var wg sync.WaitGroup
	for range r.workers {
		var c chunk
		r.lasting(&wg, func(at **task) {
			for c.work(r, at) {
				c = chunk{tasks: c.tasks[:0], ready: c.ready[:0]}
				if !c.fill(r) {
					return
				}
			}
		})
	}
	wg.Wait()
}

// fill takes up contents; false when there are no more.
func (c *chunk) fill(r *run) bool {
	c.tasks = r.window.claim(c.tasks, r.bulk)
	if n := len(c.tasks); n != 0 && n < fewest && n < r.bulk {
		runtime.Gosched() // whoever brings contents may be about to bring more
		c.tasks = r.window.claim(c.tasks, r.bulk)
	}
	return len(c.tasks) != 0
}

// work goes on with a chunk until all of it is over.
func (c *chunk) work(r *run, at **task) bool {
	for c.to < len(c.tasks) {
		t := c.tasks[c.to]
		c.to++
		*at = t
		if t.err = r.prepare(t); t.err != nil {
			*at = nil
			r.window.end(t)
			continue
		}
		*at = nil
		c.ready = append(c.ready, t)
	}
	if c.signed < len(c.ready) {
		c.sign(r)
	}
	for c.ended < len(c.ready) {
		t := c.ready[c.ended]
		c.ended++
		if t.err != nil {
			r.window.end(t)
			continue
		}
		*at = t
		r.finish(t)
		*at = nil
	}
	return true
}

// sign is the key step of a chunk.
func (c *chunk) sign(r *run) {
	group := c.ready
	c.signed = len(group)
	var err, observed error
	start, returned := r.now(), false
	over := &err // what it is the error of when the goroutine is ended
	defer func() {
		if !returned {
			*over = goexit()
		}
		for i, t := range group {
			if i == 0 && t.err == nil && err == nil {
				t.err = observed
			}
			if t.signature == nil && t.err == nil {
				t.err = err // the key was not asked
			}
		}
	}()
	if err = r.key.enter(r.ctx); err == nil {
		err = r.askGroup(group)
	}
	over = &observed
	observed = r.observe(StepKey, group[0], len(group), start, err)
	returned = true
}
