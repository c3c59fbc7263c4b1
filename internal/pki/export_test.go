package pki

// Remembered is how many certificates are.
func (a *Anchors) Remembered() int {
	a.known.mu.RLock()
	defer a.known.mu.RUnlock()
	return len(a.known.keys)
}
