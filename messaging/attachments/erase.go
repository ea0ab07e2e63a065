package attachments

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/google/uuid"
	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"
)

// Erase removes all files of a tenant, for good. What is gone already is as it
// should be.
func (m *Media) Erase(ctx context.Context, tenantID uuid.UUID) error {
	all := m.bucket.List(&blob.ListOptions{Prefix: tenantID.String() + "/"})
	for {
		file, err := all.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("attachments: listing a tenant's files: %w", err)
		}
		if err := m.bucket.Delete(ctx, file.Key); err != nil && gcerrors.Code(err) != gcerrors.NotFound {
			return fmt.Errorf("attachments: erasing a file: %w", err)
		}
	}
}
