package picture_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trellishq/trellis/internal/picture"
)

// place is what no stripped picture may contain.
const place = "GPS 45.5017N 73.5673W"

// scene is a picture of 40 by 30 in which no two corners are alike.
func scene() image.Image {
	img := image.NewRGBA(image.Rect(0, 0, 40, 30))
	for x := range 40 {
		for y := range 30 {
			img.Set(x, y, color.RGBA{uint8(x * 6), uint8(y * 8), uint8(x * y), 255})
		}
	}
	return img
}

func encoded(t testing.TB, encode func(*bytes.Buffer) error) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := encode(&out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func jpegFile(t testing.TB) []byte {
	return encoded(t, func(out *bytes.Buffer) error { return jpeg.Encode(out, scene(), nil) })
}

func pngFile(t testing.TB) []byte {
	return encoded(t, func(out *bytes.Buffer) error { return png.Encode(out, scene()) })
}

// segment is a segment of a JPEG.
func segment(marker byte, content string) string {
	length := len(content) + 2
	return string([]byte{0xff, marker, byte(length >> 8), byte(length)}) + content
}

// exif is an EXIF segment with an orientation and a place.
func exif(order binary.AppendByteOrder, orientation uint16) string {
	tiff := []byte("MM\x00*")
	if order.String() == binary.LittleEndian.String() {
		tiff = []byte("II*\x00")
	}
	add16 := func(v uint16) { tiff = order.AppendUint16(tiff, v) }
	add32 := func(v uint32) { tiff = order.AppendUint32(tiff, v) }
	add32(8)
	add16(2)
	for _, entry := range [][2]uint16{{0x010f, 7}, {0x0112, orientation}} {
		add16(entry[0])
		add16(3)
		add32(1)
		add16(entry[1])
		add16(0)
	}
	add32(0)
	return segment(0xe1, "Exif\x00\x00"+string(tiff)+place)
}

// withSegments puts segments behind the start of a JPEG.
func withSegments(file []byte, segments ...string) []byte {
	return []byte(string(file[:2]) + strings.Join(segments, "") + string(file[2:]))
}

// chunk is a chunk of a PNG.
func chunk(name, content string) string {
	out := binary.BigEndian.AppendUint32(nil, uint32(len(content)))
	out = append(out, name+content...)
	return string(binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE([]byte(name+content))))
}

// hugePNG is the start of a PNG that claims a size.
func hugePNG(width, height uint32) []byte {
	header := binary.BigEndian.AppendUint32(nil, width)
	header = binary.BigEndian.AppendUint32(header, height)
	return []byte("\x89PNG\r\n\x1a\n" + chunk("IHDR", string(header)+"\x08\x02\x00\x00\x00") + chunk("IDAT", "") + chunk("IEND", ""))
}

func TestInspect(t *testing.T) {
	for want, file := range map[string][]byte{picture.JPEG: jpegFile(t), picture.PNG: pngFile(t)} {
		got, err := picture.Inspect(file)
		if diff := cmp.Diff(picture.Info{ContentType: want, Width: 40, Height: 30}, got); err != nil || diff != "" {
			t.Errorf("%s: %v %s", want, err, diff)
		}
	}
	if _, err := picture.Inspect(hugePNG(10_000, 5_000)); err != nil {
		t.Errorf("exactly 50 megapixels: %v", err)
	}
}

func TestRefusedFiles(t *testing.T) {
	gifFile := encoded(t, func(out *bytes.Buffer) error { return gif.Encode(out, scene(), nil) })
	for name, c := range map[string]struct {
		file []byte
		want error
		text string
	}{
		"empty":           {nil, picture.ErrType, ""},
		"text":            {[]byte("hello.jpg"), picture.ErrType, ""},
		"gif":             {gifFile, picture.ErrType, "image/gif"},
		"webp":            {[]byte("RIFF\x00\x00\x00\x00WEBPVP8 "), picture.ErrType, "image/webp"},
		"bmp":             {[]byte("BM\x00\x00\x00\x00\x00\x00\x00\x00"), picture.ErrType, "image/bmp"},
		"heic":            {[]byte("\x00\x00\x00\x18ftypheic"), picture.ErrType, "image/heic"},
		"avif":            {[]byte("\x00\x00\x00\x18ftypavif"), picture.ErrType, "image/avif"},
		"tiff":            {[]byte("II*\x00"), picture.ErrType, "image/tiff"},
		"svg":             {[]byte(`<?xml version="1.0"?><svg onload="alert(1)"/>`), picture.ErrType, "text/xml"},
		"html":            {[]byte(`<html><script>`), picture.ErrType, "text/html"},
		"pdf":             {[]byte("%PDF-1.7"), picture.ErrType, "application/pdf"},
		"magic only":      {[]byte("\xff\xd8\xff"), picture.ErrDamaged, ""},
		"png magic only":  {[]byte("\x89PNG\r\n\x1a\n"), picture.ErrDamaged, ""},
		"50,000 x 50,000": {hugePNG(50_000, 50_000), picture.ErrTooManyPixels, ""},
		"a pixel more":    {hugePNG(50_000_001, 1), picture.ErrTooManyPixels, ""},
		"no pixels":       {hugePNG(0, 10), picture.ErrDamaged, ""},
	} {
		t.Run(name, func(t *testing.T) {
			info, err := picture.Inspect(c.file)
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) || info != (picture.Info{}) {
				t.Errorf("Inspect = %+v, %v, want %v", info, err, c.want)
			}
		})
	}
}

func TestEveryTruncationIsNoticed(t *testing.T) {
	for name, file := range map[string][]byte{"jpeg": jpegFile(t), "png": pngFile(t)} {
		for n := range file {
			if _, err := picture.Inspect(file[:n]); err == nil {
				t.Fatalf("%s cut to %d of %d bytes was accepted", name, n, len(file))
			}
		}
	}
}

func TestWrongChecksumOfPNG(t *testing.T) {
	file := pngFile(t)
	file[len(file)-30] ^= 1
	if _, err := picture.Inspect(file); !errors.Is(err, picture.ErrDamaged) {
		t.Errorf("Inspect = %v", err)
	}
}

func TestMetadataOfJPEG(t *testing.T) {
	original := jpegFile(t)
	for name, order := range map[string]binary.AppendByteOrder{"big endian": binary.BigEndian, "little endian": binary.LittleEndian} {
		t.Run(name, func(t *testing.T) {
			dirty := withSegments(original,
				segment(0xe0, "JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"),
				segment(0xe0, "JFXX\x00"+place), exif(order, 6), exif(order, 3),
				segment(0xe1, "http://ns.adobe.com/xap/1.0/\x00"+place), segment(0xe2, "MPF\x00"+place),
				segment(0xe2, "ICC_PROFILE\x00profile"), segment(0xed, "Photoshop 3.0\x00"+place),
				segment(0xfe, place), "\xff\xff\xff")
			dirty = append(dirty, []byte(place+string(dirty))...) // a second picture behind the first
			clean, err := picture.StripMetadata(dirty)
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(clean, []byte("GPS")) || bytes.Contains(clean, []byte("xap")) {
				t.Error("the place is still there")
			}
			if !bytes.Contains(clean, []byte("ICC_PROFILE\x00profile")) || !bytes.Contains(clean, []byte("JFIF")) {
				t.Error("the colours are gone")
			}
			if n := bytes.Count(clean, []byte("Exif")); n != 1 || !bytes.Contains(clean, []byte("\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06")) {
				t.Errorf("%d EXIF segments, or another orientation than 6", n)
			}
			if !bytes.HasSuffix(clean, original[len(original)-100:]) {
				t.Error("the pixels were changed")
			}
			sameAsScene(t, clean)
			again, err := picture.StripMetadata(clean)
			if err != nil || !bytes.Equal(again, clean) {
				t.Errorf("stripping twice: %v", err)
			}
		})
	}
}

func sameAsScene(t *testing.T, file []byte) {
	t.Helper()
	want, err := jpeg.Decode(bytes.NewReader(jpegFile(t)))
	if err != nil {
		t.Fatal(err)
	}
	got, err := jpeg.Decode(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error("the picture looks different")
	}
}

func TestUprightJPEGGetsNoEXIF(t *testing.T) {
	clean, err := picture.StripMetadata(withSegments(jpegFile(t), exif(binary.BigEndian, 1)))
	if err != nil || bytes.Contains(clean, []byte("Exif")) || !bytes.Equal(clean, jpegFile(t)) {
		t.Errorf("StripMetadata: %v", err)
	}
}

func TestOddEXIF(t *testing.T) {
	for name, content := range map[string]string{
		"empty": "", "no directory": "MM\x00*\x00\x00\x00\x08", "far directory": "II*\x00\xff\xff\xff\xff",
		"many entries": "MM\x00*\x00\x00\x00\x08\xff\xff", "orientation 9": "MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x09\x00\x00",
	} {
		clean, err := picture.StripMetadata(withSegments(jpegFile(t), segment(0xe1, "Exif\x00\x00"+content)))
		if err != nil || bytes.Contains(clean, []byte("Exif")) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMetadataOfPNG(t *testing.T) {
	original := pngFile(t)
	header := len("\x89PNG\r\n\x1a\n") + 25
	dirty := []byte(string(original[:header]) +
		chunk("tEXt", "Comment\x00"+place) + chunk("iTXt", place) + chunk("eXIf", place) + chunk("gAMA", "\x00\x00\xb1\x8f") +
		string(original[header:]) + place)
	clean, err := picture.StripMetadata(dirty)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(clean, []byte("GPS")) {
		t.Error("the place is still there")
	}
	if want := len(original) + len(chunk("gAMA", "1234")); len(clean) != want {
		t.Errorf("%d bytes are left, want %d", len(clean), want)
	}
	if _, err := png.Decode(bytes.NewReader(clean)); err != nil {
		t.Error(err)
	}
}

func TestOtherTypesAreNotPassedOn(t *testing.T) {
	if out, err := picture.StripMetadata([]byte("GIF89a" + place)); out != nil || !errors.Is(err, picture.ErrType) {
		t.Errorf("StripMetadata = %q, %v", out, err)
	}
}

func FuzzInspect(f *testing.F) {
	f.Add(jpegFile(f))
	f.Add(pngFile(f))
	f.Add(withSegments(jpegFile(f), exif(binary.LittleEndian, 8)))
	f.Add(hugePNG(50_000, 50_000))
	f.Add([]byte("\xff\xd8\xff\xe1\x00\x08Exif\x00\x00"))
	f.Fuzz(func(t *testing.T, file []byte) {
		info, err := picture.Inspect(file)
		if err != nil {
			return
		}
		if info.Width*info.Height > picture.MaxPixels || info.Width < 1 || info.Height < 1 {
			t.Errorf("accepted %+v", info)
		}
		clean, err := picture.StripMetadata(file)
		if err != nil {
			t.Fatal(err)
		}
		again, err := picture.Inspect(clean)
		if err != nil || again != info {
			t.Errorf("%+v became %+v, %v", info, again, err)
		}
		if twice, err := picture.StripMetadata(clean); err != nil || !bytes.Equal(twice, clean) {
			t.Errorf("stripping twice changes the file: %v", err)
		}
	})
}
