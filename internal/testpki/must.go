package testpki

import "testing"

// NoError ends the test when there is an error. Packages that are no tests themselves use it in the place of testify, so that no
// package of the module imports that but in its tests.
// What else is given is said with it, the first of it as a format.
func NoError(t testing.TB, err error, context ...any) {
	t.Helper()
	if err == nil {
		return
	}
	if len(context) > 0 {
		if format, ok := context[0].(string); ok {
			t.Logf(format, context[1:]...)
		}
	}
	t.Fatalf("unexpected error: %v", err)
}

// Must is a value that cannot fail with what it was made of.
func Must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
