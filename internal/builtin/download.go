package builtin

import (
	"archive/tar"
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	embedded "github.com/fergusstrange/embedded-postgres"
	"github.com/xi2/xz"
)

const (
	downloadTimeout = 5 * time.Minute
	connectTimeout  = 5 * time.Second // without a network this is all that is lost
	answerTimeout   = 15 * time.Second

	// Some 10 MB packed and 60 MB unpacked are usual.
	downloadBytes = 200 << 20
	unpackedBytes = 1 << 30
)

// repository offers servers in the form that the embedded-postgres project
// made known: a Java archive holding one .txz, and a checksum beside it. Its
// releases are taken from that project; its own fetching is not, because it
// knows no context, no time limit, and does without the checksum.
type repository struct {
	base   string
	client *http.Client
}

func mavenCentral() repository {
	return repository{
		base: "https://repo1.maven.org/maven2",
		client: &http.Client{Transport: &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           (&net.Dialer{Timeout: connectTimeout}).DialContext,
			TLSHandshakeTimeout:   connectTimeout,
			ResponseHeaderTimeout: answerTimeout,
			DisableKeepAlives:     true,
		}},
	}
}

// release is the version to download: of the major version that wrote the
// data, or the newest one for major 0.
func release(major int) (string, error) {
	switch major {
	case 0, 18:
		return string(embedded.V18), nil
	case 17:
		return string(embedded.V17), nil
	case 16:
		return string(embedded.V16), nil
	case 15:
		return string(embedded.V15), nil
	case 14:
		return string(embedded.V14), nil
	}
	return "", fmt.Errorf("no PostgreSQL %d is offered for download", major)
}

// platform is the repository's word for an operating system and processor.
func platform(goos, goarch string, alpine bool) string {
	switch goarch {
	case "arm64":
		goarch = "arm64v8"
	case "386":
		goarch = "i386"
	}
	if goos == "linux" && alpine {
		goarch += "-alpine"
	}
	return goos + "-" + goarch
}

func thisPlatform() string {
	_, err := os.Stat("/etc/alpine-release")
	return platform(runtime.GOOS, runtime.GOARCH, err == nil)
}

// download puts a server's bin, lib and share into a directory of its version
// under into. It appears there only when it is complete.
func (r repository) download(ctx context.Context, major int, into string) error {
	ctx, cancel := context.WithTimeout(ctx, downloadTimeout)
	defer cancel()
	version, err := release(major)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(into, 0o700); err != nil {
		return err
	}
	work, err := os.MkdirTemp(into, "partial-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	archive := filepath.Join(work, "archive.jar")
	if err := r.fetchVerified(ctx, r.address(version), archive); err != nil {
		return err
	}
	tree := filepath.Join(work, "tree")
	if err := unpack(ctx, archive, tree); err != nil {
		return fmt.Errorf("unpacking %s: %w", r.address(version), err)
	}
	target := filepath.Join(into, version)
	if err := os.RemoveAll(target); err != nil {
		return err
	}
	return os.Rename(tree, target)
}

func (r repository) address(version string) string {
	name := "embedded-postgres-binaries-" + thisPlatform()
	return fmt.Sprintf("%s/io/zonky/test/postgres/%s/%s/%s-%s.jar", r.base, name, version, name, version)
}

// fetchVerified stores what is at the address when its checksum is right.
func (r repository) fetchVerified(ctx context.Context, address, path string) error {
	var checksum strings.Builder
	if err := r.fetch(ctx, address+".sha256", &checksum, 1024); err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	hash := sha256.New()
	err = r.fetch(ctx, address, io.MultiWriter(f, hash), downloadBytes)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	got := hex.EncodeToString(hash.Sum(nil))
	if want, _, _ := strings.Cut(strings.TrimSpace(checksum.String()), " "); got != want {
		return fmt.Errorf("%s has the checksum %s and should have %q", address, got, want)
	}
	return nil
}

func (r repository) fetch(ctx context.Context, address string, w io.Writer, limit int64) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	response, err := r.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", address, response.Status)
	}
	n, err := io.Copy(w, io.LimitReader(response.Body, limit+1))
	if err != nil {
		return fmt.Errorf("reading %s: %w", address, err)
	}
	if n > limit {
		return fmt.Errorf("%s is larger than %d bytes", address, limit)
	}
	return nil
}

// unpack writes the archive's tree. Nothing is written outside of it, whatever
// names and links the archive holds.
func unpack(ctx context.Context, archive, tree string) error {
	jar, err := zip.OpenReader(archive)
	if err != nil {
		return err
	}
	defer jar.Close()
	if err := os.Mkdir(tree, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(tree)
	if err != nil {
		return err
	}
	defer root.Close()
	for _, file := range jar.File {
		if strings.HasSuffix(file.Name, ".txz") {
			return unpackTxz(ctx, file, root)
		}
	}
	return errors.New("it holds no .txz")
}

func unpackTxz(ctx context.Context, file *zip.File, root *os.Root) error {
	packed, err := file.Open()
	if err != nil {
		return err
	}
	defer packed.Close()
	plain, err := xz.NewReader(packed, 0)
	if err != nil {
		return err
	}
	limited := &io.LimitedReader{R: plain, N: unpackedBytes}
	for entries := tar.NewReader(limited); ctx.Err() == nil; {
		header, err := entries.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := unpackEntry(root, header, entries); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func unpackEntry(root *os.Root, header *tar.Header, content io.Reader) error {
	name := filepath.Clean(header.Name)
	if header.Typeflag == tar.TypeDir {
		return root.MkdirAll(name, 0o755)
	}
	if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	switch header.Typeflag {
	case tar.TypeSymlink:
		return root.Symlink(header.Linkname, name)
	case tar.TypeReg:
		f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, header.FileInfo().Mode().Perm())
		if err != nil {
			return err
		}
		_, err = io.Copy(f, content)
		return errors.Join(err, f.Close())
	}
	return nil
}
