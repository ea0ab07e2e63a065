// Package builtin is the program's own PostgreSQL and its own Redis, for those
// who set no URL: a laptop, a demonstration, a test, a small installation.
//
// PostgreSQL is a real server, started from the binaries of the machine (or
// from downloaded ones), that listens on loopback only, keeps its data in a
// directory of its own and dies with the program. Redis runs inside the
// process and forgets everything when it ends; the rows are the truth.
//
// The package opens no database connection and knows nothing of the schema:
// it hands out a URL.
package builtin
