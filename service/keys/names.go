package keys

// Names returns the names of the keys that a caller may use, in the order of the configuration. Nothing is opened. Nil
// allows none.
func (s *Set) Names(allowed func(name string) bool) []string {
	if allowed == nil {
		return nil
	}
	g, leave, err := s.enter()
	if err != nil { // closed
		return nil
	}
	defer leave()
	var names []string
	for _, e := range g.entries {
		if allowed(e.Name) {
			names = append(names, e.Name)
		}
	}
	return names
}
