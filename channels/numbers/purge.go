package numbers

import (
	"context"

	"github.com/google/uuid"
)

// ReturnAll gives every number that the scope's tenant holds back to the tenant
// above it, by force: the tenant is about to go.
func (s *Service) ReturnAll(ctx context.Context) error {
	for {
		held, err := s.List(ctx, Filter{View: Mine}, uuid.Nil, 100)
		if err != nil || len(held) == 0 {
			return err
		}
		for _, number := range held {
			if err := s.Return(ctx, number.ID, true); err != nil {
				return err
			}
		}
	}
}
