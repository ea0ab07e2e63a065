package builtin

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// archive packs a .txz of testdata as the repository does.
func archive(t *testing.T, txz string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("testdata", txz))
	must(t, err)
	var packed bytes.Buffer
	w := zip.NewWriter(&packed)
	for name, text := range map[string][]byte{"META-INF/MANIFEST.MF": nil, "postgres.txz": content} {
		entry, err := w.Create(name)
		must(t, err)
		_, err = entry.Write(text)
		must(t, err)
	}
	must(t, w.Close())
	return packed.Bytes()
}

func serve(t *testing.T, archive []byte, checksum string) repository {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case !strings.Contains(r.URL.Path, thisPlatform()):
			http.NotFound(w, r)
		case strings.HasSuffix(r.URL.Path, ".sha256") && checksum != "":
			_, _ = w.Write([]byte(checksum + "\n"))
		case strings.HasSuffix(r.URL.Path, ".jar"):
			_, _ = w.Write(archive)
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(s.Close)
	r := mavenCentral()
	r.base = s.URL
	return r
}

func sum(content []byte) string {
	hash := sha256.Sum256(content)
	return hex.EncodeToString(hash[:])
}

func TestDownloadUnpacksAServer(t *testing.T) {
	t.Parallel()
	packed := archive(t, "server.txz")
	m := machine{binaryDirs: func() []string { return nil }, download: serve(t, packed, sum(packed)).download}
	downloads := filepath.Join(t.TempDir(), binariesName)
	found, err := m.findPostgres(t.Context(), 0, downloads)
	must(t, err)
	if found.version != (version{18, 3}) {
		t.Errorf("found %v", found)
	}
	library, err := os.ReadFile(filepath.Join(found.bin, "..", "lib", "libpq.so.5"))
	if err != nil || string(library) != "library" {
		t.Errorf("the linked library is %q, %v", library, err)
	}
	left, err := filepath.Glob(filepath.Join(downloads, "partial-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestDownloadRefuses(t *testing.T) {
	t.Parallel()
	good, escaping := archive(t, "server.txz"), archive(t, "escaping.txz")
	tests := map[string]struct {
		archive  []byte
		checksum string
		word     string
	}{
		"AbsentChecksum":  {good, "", "404"},
		"EscapingName":    {escaping, sum(escaping), "escapes"},
		"NoArchive":       {[]byte("<html>"), sum([]byte("<html>")), "zip"},
		"WrongChecksum":   {good, sum(escaping), "checksum"},
		"ArchiveOfNoTxz":  {emptyZip(t), sum(emptyZip(t)), "no .txz"},
		"TruncatedStream": {good[:len(good)/2], sum(good), "checksum"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			into := t.TempDir()
			err := serve(t, test.archive, test.checksum).download(t.Context(), 0, into)
			wantError(t, err, test.word)
			entries, err := os.ReadDir(into)
			if err != nil || len(entries) > 0 {
				t.Errorf("left behind: %v, %v", entries, err)
			}
		})
	}
}

func emptyZip(t *testing.T) []byte {
	t.Helper()
	var packed bytes.Buffer
	must(t, zip.NewWriter(&packed).Close())
	return packed.Bytes()
}

func TestDownloadHonoursTheContext(t *testing.T) {
	t.Parallel()
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	t.Cleanup(silent.Close)
	r := mavenCentral()
	r.base = silent.URL
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	wantError(t, r.download(ctx, 0, t.TempDir()), "deadline exceeded")
}

func TestDownloadWithoutANetworkFailsSoon(t *testing.T) {
	t.Parallel()
	closed := httptest.NewServer(http.NotFoundHandler())
	r := mavenCentral()
	r.base = closed.URL
	closed.Close()
	began := time.Now()
	wantError(t, r.download(t.Context(), 0, t.TempDir()), "refused")
	if took := time.Since(began); took > connectTimeout {
		t.Errorf("it took %s", took)
	}
}

func TestRelease(t *testing.T) {
	t.Parallel()
	for major, prefix := range map[int]string{0: "18.", 14: "14.", 15: "15.", 16: "16.", 17: "17.", 18: "18."} {
		if got, err := release(major); err != nil || !strings.HasPrefix(got, prefix) {
			t.Errorf("%d gives %s, %v", major, got, err)
		}
	}
	_, err := release(99)
	wantError(t, err, "no PostgreSQL 99")
}

func TestPlatform(t *testing.T) {
	t.Parallel()
	for want, got := range map[string]string{
		"darwin-amd64":         platform("darwin", "amd64", false),
		"darwin-arm64v8":       platform("darwin", "arm64", false),
		"linux-amd64":          platform("linux", "amd64", false),
		"linux-amd64-alpine":   platform("linux", "amd64", true),
		"linux-arm64v8-alpine": platform("linux", "arm64", true),
		"linux-i386":           platform("linux", "386", false),
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
