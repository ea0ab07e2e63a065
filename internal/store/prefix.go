package store

import (
	entsql "entgo.io/ent/dialect/sql"
)

// HasPrefix finds the rows whose column begins with a text, byte by byte. An
// index with text_pattern_ops serves it, also behind row level security, which
// keeps LIKE from every index: only operators that leak nothing may look at rows
// before the policy does.
func HasPrefix(column, prefix string) func(*entsql.Selector) {
	return func(s *entsql.Selector) {
		s.Where(entsql.P(func(b *entsql.Builder) {
			b.WriteByte('(').Ident(s.C(column)).WriteString(" ~>=~ ").Arg(prefix).
				WriteString(" AND ").Ident(s.C(column)).WriteString(" ~<~ ").Arg(prefix + lastRune).WriteByte(')')
		}))
	}
}

// lastRune sorts behind every text that goes on after a prefix.
const lastRune = "\U0010FFFF"
