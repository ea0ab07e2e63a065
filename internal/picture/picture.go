// Package picture owns what the program knows about pictures: their true type,
// their size and what they tell about where they were taken. It reads headers
// and never decodes pixels, so a small file cannot fill the memory.
package picture

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"net/http"
)

// The types of pictures that may be sent (rules.md A12-1).
const (
	JPEG = "image/jpeg"
	PNG  = "image/png"
)

// MaxPixels is the greatest size of a picture (rules.md D9-2).
const MaxPixels = 50_000_000

// The reasons for which a picture is refused. Their texts are fit for the user.
var (
	// ErrType is a file that is neither JPEG nor PNG, whatever its name says.
	ErrType = errors.New("only JPEG and PNG pictures can be sent")
	// ErrTooManyPixels is a picture of more than MaxPixels.
	ErrTooManyPixels = errors.New("the picture has more than 50 megapixels")
	// ErrDamaged is a JPEG or PNG that is cut off or cannot be read.
	ErrDamaged = errors.New("the picture is damaged or incomplete")
)

// Info describes a picture.
type Info struct {
	// ContentType is JPEG or PNG.
	ContentType string
	// Width and Height are in pixels, before the orientation is applied.
	Width, Height int
}

// Inspect looks at a whole file. The error is ErrType, with the type if it is
// known, ErrTooManyPixels or ErrDamaged. Only the structure is checked to the
// end: wrong pixels inside it are not found.
func Inspect(file []byte) (Info, error) {
	info := Info{ContentType: Type(file)}
	var header image.Config
	var err error
	switch info.ContentType {
	case JPEG:
		header, err = jpeg.DecodeConfig(bytes.NewReader(file))
	case PNG:
		header, err = png.DecodeConfig(bytes.NewReader(file))
	case "":
		return Info{}, ErrType
	default:
		return Info{}, fmt.Errorf("%w, not %s", ErrType, info.ContentType)
	}
	if err != nil || header.Width <= 0 || header.Height <= 0 {
		return Info{}, ErrDamaged
	}
	if int64(header.Width)*int64(header.Height) > MaxPixels {
		return Info{}, ErrTooManyPixels
	}
	if _, err := StripMetadata(file); err != nil {
		return Info{}, err
	}
	info.Width, info.Height = header.Width, header.Height
	return info, nil
}

// StripMetadata returns a JPEG or PNG without what tells where, when, by whom
// and with what it was made: EXIF with its GPS position and small preview, XMP,
// IPTC, comments, and all that hides behind the end of the picture. Colours,
// pixels and the orientation of a JPEG stay as they are. A file that cannot be
// read to its end is ErrDamaged, another type ErrType: what was not understood
// is not passed on.
func StripMetadata(file []byte) ([]byte, error) {
	switch Type(file) {
	case JPEG:
		return stripJPEG(file)
	case PNG:
		return stripPNG(file)
	}
	return nil, ErrType
}

// Type tells the type of a file by its first bytes alone: JPEG, PNG, another
// type that is recognised, as image/gif, or "".
func Type(file []byte) string {
	switch {
	case bytes.HasPrefix(file, []byte("\xff\xd8\xff")):
		return JPEG
	case bytes.HasPrefix(file, []byte(pngMagic)):
		return PNG
	case bytes.HasPrefix(file, []byte("II*\x00")), bytes.HasPrefix(file, []byte("MM\x00*")):
		return "image/tiff"
	case len(file) >= 12 && string(file[4:8]) == "ftyp":
		return typeOfBrand(string(file[8:12]))
	}
	switch sniffed := http.DetectContentType(file); sniffed {
	case JPEG, PNG, "application/octet-stream", "text/plain; charset=utf-8":
		return ""
	default:
		return sniffed
	}
}

// typeOfBrand names the formats that share the container of MP4.
func typeOfBrand(brand string) string {
	switch brand {
	case "heic", "heix", "hevc", "heim", "heis", "mif1", "msf1":
		return "image/heic"
	case "avif", "avis":
		return "image/avif"
	}
	return "video/mp4"
}
