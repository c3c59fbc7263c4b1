// Package faults has tests only: replicas of the engine of two-stage signing in processes of their own, which are killed while
// clients load them, and whose database is restarted and whose connections are cut.
//
//	go test ./confirm/faults -v -timeout 1h -operations 10000
//
// is the long form. What must hold at its end, and what was read meanwhile, is in TestPostgres and TestSQLite.
package faults
