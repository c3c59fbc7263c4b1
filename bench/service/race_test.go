//go:build race

package service_test

// With the race detector a process takes several times the memory: the server is built without.
func init() { raceDetector = true }
