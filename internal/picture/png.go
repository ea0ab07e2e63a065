package picture

import (
	"encoding/binary"
	"hash/crc32"
)

const pngMagic = "\x89PNG\r\n\x1a\n"

// pngNeeded names the optional chunks that change how a PNG looks. Chunks whose
// names begin with a capital are not optional.
var pngNeeded = map[string]bool{
	"tRNS": true, "gAMA": true, "cHRM": true, "sRGB": true, "iCCP": true, "cICP": true, "sBIT": true,
	"bKGD": true, "pHYs": true, "acTL": true, "fcTL": true, "fdAT": true,
}

// stripPNG copies the chunks of a PNG that its pixels need. Each chunk is a
// length, a name of four letters, the content and a checksum.
func stripPNG(file []byte) ([]byte, error) {
	out := make([]byte, 0, len(file))
	out = append(out, pngMagic...)
	rest := file[len(pngMagic):]
	for hasPixels := false; len(rest) >= 12; {
		end := int64(binary.BigEndian.Uint32(rest)) + 12
		if end > int64(len(rest)) {
			return nil, ErrDamaged
		}
		chunk, name := rest[:end], string(rest[4:8])
		if crc32.ChecksumIEEE(chunk[4:end-4]) != binary.BigEndian.Uint32(chunk[end-4:]) {
			return nil, ErrDamaged
		}
		if isCapital(name[0]) || pngNeeded[name] {
			out = append(out, chunk...)
		}
		if name == "IEND" && hasPixels {
			return out, nil
		}
		hasPixels = hasPixels || name == "IDAT"
		rest = rest[end:]
	}
	return nil, ErrDamaged
}

func isCapital(c byte) bool { return 'A' <= c && c <= 'Z' }
