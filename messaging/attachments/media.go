package attachments

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"gocloud.dev/blob"
	"gocloud.dev/blob/fileblob"
)

// Media is where pictures are kept. Its keys begin with the tenant's id, so
// that a tenant can be moved or erased.
type Media struct {
	bucket *blob.Bucket
}

// OpenMedia opens the store in a directory, which is created when missing.
func OpenMedia(dir string) (*Media, error) {
	absolute, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(absolute, 0o700); err != nil {
		return nil, fmt.Errorf("attachments: media directory: %w", err)
	}
	bucket, err := fileblob.OpenBucket(absolute, &fileblob.Options{
		// Files are written beside their place, so that a rename is enough.
		NoTempDir: true,
		Metadata:  fileblob.MetadataDontWrite,
	})
	if err != nil {
		return nil, fmt.Errorf("attachments: media directory: %w", err)
	}
	return &Media{bucket}, nil
}

// Close ends the use of the store.
func (m *Media) Close() error { return m.bucket.Close() }

func (m *Media) put(ctx context.Context, key string, content []byte) error {
	return m.bucket.WriteAll(ctx, key, content, nil)
}

func (m *Media) get(ctx context.Context, key string) ([]byte, error) {
	return m.bucket.ReadAll(ctx, key)
}

func (m *Media) remove(ctx context.Context, key string) error { return m.bucket.Delete(ctx, key) }

// redactedURL is a URL without what may be secret in it, for logs.
func redactedURL(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return "(not a URL)"
	}
	return u.Scheme + "://" + u.Host
}
