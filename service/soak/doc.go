// Package soak is the test of what lasts: the real program under full load for as long as one likes, while keys are replaced,
// tokens are pulled, clients vanish and configurations are broken. Every answer is checked, the audit log is compared with what
// was handed out, and nothing may be left over at the end.
//
//	go test ./soak -run TestSoak -v                                      # a short form
//	go test ./soak -run TestSoak -v -duration 1h -timeout 90m            # the long one
//	go test ./soak -run TestSoak -v -duration 5m -race-program           # the program with the race detector
//	go test ./soak -run TestSoak -v -duration 5m -seed 7                 # the dice of another run
package soak
