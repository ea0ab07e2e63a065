// Package layout holds tests of the project's shape and no code: who may import
// whom, which folder owns a library, that every package says what it is, and
// that the documents agree with the code that they describe.
package layout
