// Package schema declares the entities, one a file. Relations are plain id
// fields: the composite foreign keys behind them stand in the migrations, where
// a row of one tenant cannot point at a row of another.
package schema
