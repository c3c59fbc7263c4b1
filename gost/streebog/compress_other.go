//go:build !amd64

package streebog

// compress sets h = g_n(h, m) of section 6.6.
func compress(h, m, n *state) { theTables().compress(h, m, n) }
