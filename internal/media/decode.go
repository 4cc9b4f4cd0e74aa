package media

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"image"
	"image/draw"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"

	"golang.org/x/image/webp"
)

// Limits of an uploaded picture.
const (
	MaxPicture = 15 << 20   // bytes
	MaxPixels  = 50_000_000 // a phone's 48 megapixels pass
	maxSide    = 30_000     // pixels
	maxScans   = 100        // of a progressive JPEG, each of which costs a walk over all pixels
)

// RefusedError says why a file is not taken. Its Code is the last part of the translation key "media.<code>".
type RefusedError struct{ Code string }

func (e *RefusedError) Error() string { return "file refused: " + e.Code }

// What Decode and Attachment refuse.
var (
	ErrTooLarge      = &RefusedError{"too_large"}
	ErrTooManyPixels = &RefusedError{"too_many_pixels"}
	ErrUnsupported   = &RefusedError{"unsupported"} // SVG, HEIC, BMP, TIFF, anything that is no picture
	ErrHEIC          = &RefusedError{"heic"}        // what iPhones save; told apart because people ask
	ErrDamaged       = &RefusedError{"damaged"}
	ErrEmpty         = &RefusedError{"empty"}
	ErrMacros        = &RefusedError{"macros"}
	ErrMismatch      = &RefusedError{"name_and_content_differ"}
)

// Picture is a decoded upload, upright, with nothing left of the file but its pixels.
type Picture struct {
	SHA256        string // hex, of the uploaded bytes: the picture's identity
	Format        string // jpeg, png, gif, webp: what was uploaded
	Width, Height int    // as people see it, after EXIF orientation

	pixels      image.Image // as stored, at most twice as wide as the widest variant
	orientation int         // 1–8, TIFF tag 0x0112
}

// Decode reads one JPEG, PNG, GIF (its first frame) or WebP of at most limit bytes (0: MaxPicture) and MaxPixels pixels.
// It judges by content, never by name, looks at the dimensions before it decodes, and refuses with a *RefusedError.
func Decode(r io.Reader, limit int64) (Picture, error) {
	if limit <= 0 {
		limit = MaxPicture
	}
	data, err := readAll(r, limit)
	if err != nil {
		return Picture{}, err
	}
	kind, err := sniffPicture(data)
	if err != nil {
		return Picture{}, err
	}
	config, err := decodeConfig(kind, data)
	switch {
	case err != nil:
		return Picture{}, ErrDamaged
	case config.Width < 1 || config.Height < 1:
		return Picture{}, ErrDamaged
	case config.Width > maxSide || config.Height > maxSide || config.Width*config.Height > MaxPixels:
		return Picture{}, ErrTooManyPixels
	case kind == "jpeg" && bytes.Count(data, []byte{0xFF, 0xDA}) > maxScans:
		return Picture{}, ErrDamaged
	}
	if config.Width*config.Height >= bigPixels {
		oneBig.Lock()
		defer oneBig.Unlock()
	}
	pixels, err := decodePixels(kind, data, config)
	if err != nil {
		return Picture{}, ErrDamaged
	}
	sum := sha256.Sum256(data)
	p := Picture{
		SHA256: hex.EncodeToString(sum[:]), Format: kind,
		Width: config.Width, Height: config.Height, orientation: orientation(kind, data),
	}
	if p.orientation >= 5 {
		p.Width, p.Height = p.Height, p.Width
	}
	p.pixels = shrink(pixels, p.Width/Widths[len(Widths)-1]) // what nobody will be shown is let go at once
	return p, nil
}

func readAll(r io.Reader, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read upload: %w", err)
	case int64(len(data)) > limit:
		return nil, ErrTooLarge
	case len(data) == 0:
		return nil, ErrEmpty
	}
	return data, nil
}

func sniffPicture(data []byte) (string, error) {
	switch {
	case bytes.HasPrefix(data, []byte("\xFF\xD8\xFF")):
		return "jpeg", nil
	case bytes.HasPrefix(data, []byte("\x89PNG\r\n\x1a\n")):
		return "png", nil
	case bytes.HasPrefix(data, []byte("GIF87a")), bytes.HasPrefix(data, []byte("GIF89a")):
		return "gif", nil
	case len(data) > 12 && string(data[:4]) == "RIFF" && string(data[8:12]) == "WEBP":
		return "webp", nil
	case len(data) > 12 && string(data[4:8]) == "ftyp" && bytes.Contains([]byte("heic heix heim heis hevc hevx mif1 msf1"), data[8:12]):
		return "", ErrHEIC
	}
	return "", ErrUnsupported
}

func decodeConfig(kind string, data []byte) (config image.Config, err error) {
	defer recovered(&err)
	r := bytes.NewReader(data)
	switch kind {
	case "jpeg":
		return jpeg.DecodeConfig(r)
	case "png":
		return png.DecodeConfig(r)
	case "gif":
		return gif.DecodeConfig(r)
	default:
		return webp.DecodeConfig(r)
	}
}

func decodePixels(kind string, data []byte, config image.Config) (pixels image.Image, err error) {
	defer recovered(&err)
	r := bytes.NewReader(data)
	switch kind {
	case "jpeg":
		pixels, err = jpeg.Decode(r)
	case "png":
		pixels, err = png.Decode(r)
	case "gif":
		pixels, err = gif.Decode(r)
		if err == nil { // a frame may cover a part of its canvas only
			canvas := image.NewNRGBA(image.Rect(0, 0, config.Width, config.Height))
			draw.Draw(canvas, pixels.Bounds(), pixels, pixels.Bounds().Min, draw.Src)
			return canvas, nil
		}
	default:
		pixels, err = webp.Decode(r)
	}
	if err == nil && (pixels.Bounds().Dx() != config.Width || pixels.Bounds().Dy() != config.Height) {
		err = errors.New("picture is not of the size it declares")
	}
	return pixels, err
}

// recovered makes an error of a decoder's panic: what strangers upload must not end a request.
func recovered(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("decoder panicked: %v", p)
	}
}
