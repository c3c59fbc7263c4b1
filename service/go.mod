module github.com/seed-116355fd/signet/service

go 1.26.0

require github.com/seed-116355fd/signet v0.0.0

// The service and the library are released together.
replace github.com/seed-116355fd/signet => ../
