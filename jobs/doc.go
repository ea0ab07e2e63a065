// Package jobs turns rows that fall due into work. The row is the truth: it has
// the state, the attempts and the due_at, written in the transaction of its
// cause. A task in Redis is a nudge that carries the row's id, and may be lost,
// doubled or late: a handler begins by claiming its row, and a row whose task
// was lost falls due again by itself.
package jobs
