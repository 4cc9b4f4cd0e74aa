package media

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

const (
	// MaxAttachment is the largest attachment in bytes.
	MaxAttachment = 25 << 20
	maxEntries    = 10_000 // files inside an office document
	maxName       = 100    // bytes of a file name, its ending included
)

// File is an accepted attachment. Its bytes are served as uploaded, so only ever as a download of its MIME type.
type File struct {
	Name   string // safe in a path, a header and a shell: ASCII letters, digits, dot, hyphen
	MIME   string
	SHA256 string // hex
	Bytes  []byte
}

var mimeByExt = map[string]string{
	"pdf":  "application/pdf",
	"docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
	"xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
	"pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
	"odt":  "application/vnd.oasis.opendocument.text",
	"ods":  "application/vnd.oasis.opendocument.spreadsheet",
	"odp":  "application/vnd.oasis.opendocument.presentation",
	"doc":  "application/msword",
	"xls":  "application/vnd.ms-excel",
	"ppt":  "application/vnd.ms-powerpoint",
	"txt":  "text/plain; charset=utf-8",
	"csv":  "text/csv; charset=utf-8",
}

// Attachment accepts PDF, Office and OpenDocument files, and UTF-8 text, of at most MaxAttachment bytes. What the file
// is, its content says; the name must agree. Files with macros, and everything else, are a *RefusedError.
func Attachment(r io.Reader, name string) (File, error) {
	data, err := readAll(r, MaxAttachment)
	if err != nil {
		return File{}, err
	}
	ext := strings.ToLower(strings.TrimPrefix(path.Ext(norm.NFC.String(name)), "."))
	possible, err := sniffFile(data)
	if err != nil {
		return File{}, err
	}
	agrees := false
	for _, kind := range possible {
		agrees = agrees || kind == ext
	}
	if !agrees {
		return File{}, ErrMismatch
	}
	sum := sha256.Sum256(data)
	return File{Name: SafeName(name, ext), MIME: mimeByExt[ext], SHA256: hex.EncodeToString(sum[:]), Bytes: data}, nil
}

// sniffFile lists the endings that the content may have.
func sniffFile(data []byte) ([]string, error) {
	switch {
	case bytes.HasPrefix(data, []byte("%PDF-")):
		return []string{"pdf"}, nil
	case bytes.HasPrefix(data, []byte("PK\x03\x04")):
		return sniffZip(data)
	case bytes.HasPrefix(data, []byte("\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1")):
		if bytes.Contains(data, utf16("_VBA_PROJECT")) || bytes.Contains(data, utf16("Macros")) {
			return nil, ErrMacros
		}
		return []string{"doc", "xls", "ppt"}, nil
	case plainText(data):
		return []string{"txt", "csv"}, nil
	}
	return nil, ErrUnsupported
}

func sniffZip(data []byte) ([]string, error) {
	archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, ErrDamaged
	}
	if len(archive.File) > maxEntries {
		return nil, ErrUnsupported
	}
	var found []string
	for i, f := range archive.File {
		switch lower := strings.ToLower(f.Name); {
		case strings.HasSuffix(lower, "vbaproject.bin"), strings.HasPrefix(lower, "basic/script"), strings.HasPrefix(lower, "scripts/"):
			return nil, ErrMacros
		case f.Name == "word/document.xml":
			found = append(found, "docx")
		case f.Name == "xl/workbook.xml":
			found = append(found, "xlsx")
		case f.Name == "ppt/presentation.xml":
			found = append(found, "pptx")
		case i == 0 && f.Name == "mimetype" && f.UncompressedSize64 < 100:
			found = append(found, openDocument(f)...)
		}
	}
	if len(found) != 1 {
		return nil, ErrUnsupported
	}
	return found, nil
}

func openDocument(f *zip.File) []string {
	r, err := f.Open()
	if err != nil {
		return nil
	}
	defer func() { _ = r.Close() }()
	said, err := io.ReadAll(io.LimitReader(r, 100))
	if err != nil {
		return nil
	}
	for _, ext := range []string{"odt", "ods", "odp"} {
		if string(said) == mimeByExt[ext] {
			return []string{ext}
		}
	}
	return nil
}

func utf16(ascii string) []byte {
	wide := make([]byte, 0, 2*len(ascii))
	for i := range len(ascii) {
		wide = append(wide, ascii[i], 0)
	}
	return wide
}

func plainText(data []byte) bool {
	if !utf8.Valid(data) {
		return false
	}
	for _, c := range data {
		if c < ' ' && c != '\n' && c != '\r' && c != '\t' || c == 0x7F {
			return false
		}
	}
	return true
}

// SafeName makes a file name of letters, digits, dots and hyphens, ending in ext, at most 100 bytes: of whatever a
// stranger's machine calls a file. "Quyết định số 12.pdf" becomes "Quyet-dinh-so-12.pdf".
func SafeName(name, ext string) string {
	if cut := strings.LastIndexAny(name, `/\`); cut >= 0 {
		name = name[cut+1:]
	}
	name = strings.TrimSuffix(name, path.Ext(name))
	var out strings.Builder
	for _, r := range norm.NFD.String(name) {
		switch {
		case r == 'đ':
			r = 'd'
		case r == 'Đ':
			r = 'D'
		case unicode.Is(unicode.Mn, r):
			continue
		}
		if r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r)) {
			out.WriteRune(r)
		} else if out.Len() > 0 && !strings.HasSuffix(out.String(), "-") {
			out.WriteByte('-')
		}
	}
	safe := out.String()
	if room := maxName - len(ext) - 1; len(safe) > room {
		safe = safe[:room]
	}
	if safe = strings.Trim(safe, "-"); safe == "" {
		safe = "tep"
	}
	return safe + "." + ext
}
