package algorithm

// Kept is how many keys are.
func (c *Checkers) Kept() int {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return len(c.known)
}
