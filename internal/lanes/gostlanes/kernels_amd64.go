package gostlanes

import "unsafe"

//go:generate sh -c "GOWORK=off go run -C ../gen . gost > new.s && mv new.s kernels_amd64.s"

// The kernels take the vectors of a group of eight (v), those that all groups of a call share (c), a window of a table (t), and what says
// which of its points is meant (n, p). What they do stands above each in kernels_amd64.s. They are short, for nothing interrupts them.

//go:noescape
func recode(v, c unsafe.Pointer)

//go:noescape
func first(v, c, t, n unsafe.Pointer)

//go:noescape
func next(v, c, t, n unsafe.Pointer)

//go:noescape
func advance(v, c, t, n unsafe.Pointer)

//go:noescape
func addLast(v, c unsafe.Pointer)

//go:noescape
func collect(v, c unsafe.Pointer)

//go:noescape
func invert(v, c unsafe.Pointer)

//go:noescape
func invertRound(c unsafe.Pointer)

//go:noescape
func inverted(c unsafe.Pointer)

//go:noescape
func finish(v, c unsafe.Pointer)

//go:noescape
func collectE(v, c unsafe.Pointer)

//go:noescape
func invertE(v, c unsafe.Pointer)

//go:noescape
func invertRoundE(c unsafe.Pointer)

//go:noescape
func invertedE(c unsafe.Pointer)

//go:noescape
func scalars(v, c unsafe.Pointer)

//go:noescape
func nextLines(v, c, t, n, p unsafe.Pointer)

//go:noescape
func advanceLines(v, c, t, n, p unsafe.Pointer)

//go:noescape
func compare(v, c unsafe.Pointer)

//go:noescape
func mulField(v, c, t unsafe.Pointer)

//go:noescape
func sqrField(v, c, t unsafe.Pointer)

//go:noescape
func mulOrder(v, c, t unsafe.Pointer)
