package picture

import (
	"bytes"
	"encoding/binary"
)

// Markers of JPEG (ITU-T T.81, table B.1).
const (
	markerTEM  = 0x01
	markerRST0 = 0xd0
	markerRST7 = 0xd7
	markerSOI  = 0xd8
	markerEOI  = 0xd9
	markerSOS  = 0xda
	markerAPP0 = 0xe0
	markerAPP1 = 0xe1
	markerAPPF = 0xef
	markerCOM  = 0xfe
)

const exifMagic = "Exif\x00\x00"

// stripJPEG copies the segments of a JPEG that its pixels need.
func stripJPEG(file []byte) ([]byte, error) {
	out := make([]byte, 0, len(file))
	out = append(out, 0xff, markerSOI)
	oriented, scanned := false, false
	rest := file[2:]
	for {
		marker, segment, after, ok := nextSegment(rest)
		if !ok {
			return nil, ErrDamaged
		}
		rest = after
		switch {
		case marker == markerEOI:
			if !scanned {
				return nil, ErrDamaged
			}
			return append(out, 0xff, markerEOI), nil
		case marker == markerAPP1 && !oriented:
			if o := orientationOf(segment[2:]); o > 1 {
				out = append(out, orientationSegment(o)...)
				oriented = true
			}
		case isNeeded(marker, segment[2:]):
			out = append(append(out, 0xff, marker), segment...)
		}
		if marker == markerSOS {
			length := scanLength(rest)
			out = append(out, rest[:length]...)
			rest = rest[length:]
			scanned = true
		}
	}
}

// nextSegment cuts one segment off: its marker, its length and content, and
// what comes after. The marker EOI has no content.
func nextSegment(rest []byte) (marker byte, segment, after []byte, ok bool) {
	if len(rest) < 2 || rest[0] != 0xff {
		return 0, nil, nil, false
	}
	for len(rest) > 0 && rest[0] == 0xff { // any number of them may fill the gap
		rest = rest[1:]
	}
	if len(rest) == 0 {
		return 0, nil, nil, false
	}
	marker, rest = rest[0], rest[1:]
	switch {
	case marker == markerEOI:
		return marker, nil, rest, true
	case marker <= markerTEM, marker >= markerRST0 && marker <= markerSOI:
		return 0, nil, nil, false
	}
	if len(rest) < 2 {
		return 0, nil, nil, false
	}
	length := int(binary.BigEndian.Uint16(rest))
	if length < 2 || length > len(rest) {
		return 0, nil, nil, false
	}
	return marker, rest[:length], rest[length:], true
}

// scanLength counts the bytes of compressed pixels, up to the next marker that
// is no restart.
func scanLength(data []byte) int {
	for at := 0; ; {
		next := bytes.IndexByte(data[at:], 0xff)
		if next < 0 || at+next+1 >= len(data) {
			return len(data)
		}
		at += next
		switch marker := data[at+1]; {
		case marker == 0x00, marker >= markerRST0 && marker <= markerRST7:
			at += 2
		case marker == 0xff:
			at++
		default:
			return at
		}
	}
}

// isNeeded tells whether a segment changes the picture: of those that hold
// applications' data only the colour spaces do.
func isNeeded(marker byte, content []byte) bool {
	switch {
	case marker == markerCOM:
		return false
	case marker < markerAPP0 || marker > markerAPPF:
		return true
	}
	switch marker - markerAPP0 {
	case 0:
		return bytes.HasPrefix(content, []byte("JFIF\x00"))
	case 2:
		return bytes.HasPrefix(content, []byte("ICC_PROFILE\x00"))
	case 14:
		return bytes.HasPrefix(content, []byte("Adobe"))
	}
	return false
}

// orientationOf reads the orientation, 1 to 8, from the first directory of an
// EXIF segment (TIFF 6.0, tag 274); 0 is unknown.
func orientationOf(content []byte) byte {
	tiff, ok := bytes.CutPrefix(content, []byte(exifMagic))
	if !ok || len(tiff) < 8 {
		return 0
	}
	var order binary.ByteOrder = binary.BigEndian
	if string(tiff[:2]) == "II" {
		order = binary.LittleEndian
	}
	start := int64(order.Uint32(tiff[4:]))
	if start+2 > int64(len(tiff)) {
		return 0
	}
	entries := tiff[start+2:]
	for range order.Uint16(tiff[start:]) {
		if len(entries) < 12 {
			return 0
		}
		const tag, short = 0x0112, 3
		if order.Uint16(entries) == tag && order.Uint16(entries[2:]) == short {
			if value := order.Uint16(entries[8:]); value <= 8 {
				return byte(value)
			}
			return 0
		}
		entries = entries[12:]
	}
	return 0
}

// orientationSegment is an EXIF segment that holds the orientation and nothing
// else.
func orientationSegment(orientation byte) []byte {
	const tiff = "MM\x00*\x00\x00\x00\x08" + // big endian, the directory is at 8
		"\x00\x01" + "\x01\x12\x00\x03\x00\x00\x00\x01" // one entry: one short of tag 274
	content := exifMagic + tiff + string([]byte{0, orientation}) + "\x00\x00" + "\x00\x00\x00\x00"
	length := len(content) + 2
	return append([]byte{0xff, markerAPP1, byte(length >> 8), byte(length)}, content...)
}
