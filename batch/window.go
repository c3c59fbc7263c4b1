package batch

import "sync"

// window is the contents that are on their way, in their order: those that were taken up and not delivered yet, and those among them that
// no worker has got. One goroutine puts them in, one takes them out, and any number claim them.
type window struct {
	mu      sync.Mutex
	space   sync.Cond // waited on by put
	more    sync.Cond // by next
	work    sync.Cond // by claim
	ring    []*task   // a task is used again by the content that comes a window later
	size    int
	put     int  // contents that were put in
	tasks   int  // of these, those that are not over when they are put in; the others come after all of them
	claimed int  // of these, those that a worker has got
	freed   int  // of these, those whose place may be used again
	closed  bool // no more come
	stopped bool

	next  int           // by the goroutine that takes out alone: contents that were delivered
	wake  chan struct{} // holds a value when a task may be over
	queue chan *task    // where workers get tasks that do not claim them; nil when they do
}

func newWindow(size int, claims bool) *window {
	w := &window{size: max(size, 1), wake: make(chan struct{}, 1)}
	w.space.L, w.more.L, w.work.L = &w.mu, &w.mu, &w.mu
	if !claims {
		w.queue = make(chan *task, w.size)
	}
	return w
}

// add puts a content in when there is room; false when the batch was stopped meanwhile. One with an error is over at once, and is the last.
func (w *window) add(index int, c Content, err error) bool {
	w.mu.Lock()
	for w.put-w.freed >= w.size && !w.stopped {
		w.space.Wait()
	}
	if w.stopped {
		w.mu.Unlock()
		return false
	}
	at := w.put % w.size
	if at == len(w.ring) {
		w.ring = append(w.ring, &task{})
	}
	t := w.ring[at]
	t.index, t.content, t.err = index, c, err
	t.over.Store(err != nil)
	w.put++
	if err == nil {
		w.tasks++
		w.work.Signal()
	}
	w.more.Signal()
	w.mu.Unlock()
	if err == nil && w.queue != nil {
		w.queue <- t // has room for the whole window
	}
	return true
}

// close says that no more come.
func (w *window) close() {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.more.Broadcast()
	w.work.Broadcast()
	if w.queue != nil {
		close(w.queue)
	}
}

// stop lets nothing more in.
func (w *window) stop() {
	w.mu.Lock()
	w.stopped = true
	w.mu.Unlock()
	w.space.Broadcast()
}

// claim appends tasks for one worker, at most so many, and waits for the first; none when no more come.
func (w *window) claim(tasks []*task, most int) []*task {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.claimed == w.tasks && !w.closed && len(tasks) == 0 {
		w.work.Wait()
	}
	for len(tasks) < most && w.claimed < w.tasks {
		tasks = append(tasks, w.ring[w.claimed%w.size])
		w.claimed++
	}
	return tasks
}

// first waits for the next content in order and for its end; false when there is none.
func (w *window) first() (*task, bool) {
	w.mu.Lock()
	if w.next == w.put {
		w.free()
		for w.next == w.put && !w.closed {
			w.more.Wait()
		}
		if w.next == w.put {
			w.mu.Unlock()
			return nil, false
		}
	}
	t := w.ring[w.next%w.size]
	if !t.over.Load() {
		w.free() // or nobody would come to end it, when the key waits for more
	}
	w.mu.Unlock()
	for !t.over.Load() {
		<-w.wake
	}
	return t, true
}

// delivered gives the place of the first content away. It is used again a few at a time: to wake who waits for it costs more than the rest.
func (w *window) delivered(t *task) {
	*t = task{}
	w.next++
	if w.next-w.freed > w.size/4 {
		w.mu.Lock()
		w.free()
		w.mu.Unlock()
	}
}

// free gives the places of what was delivered away. The window is locked, but for freed, which no other goroutine writes.
func (w *window) free() {
	if w.freed != w.next {
		w.freed = w.next
		w.space.Signal()
	}
}

// end says that a task is over.
func (w *window) end(t *task) {
	t.over.Store(true)
	select {
	case w.wake <- struct{}{}:
	default:
	}
}
