// Package ent models Trellis's entities. Everything in it is generated from
// ent/schema, except this file, ent/schema and ent/migrate/migrations.
package ent

//go:generate go run -mod=mod entgo.io/ent/cmd/ent generate --feature intercept,sql/lock,sql/modifier,sql/execquery ./schema
