package web

import (
	"crypto/sha512"
	"embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
)

// staticFS holds what `npm run build` in assets/ made: committed, so that building the product needs Go alone.
//
//go:embed static
var staticFS embed.FS

// assets are the built front-end files: found by the plain name they have in their sources, served under a name that
// carries a hash of the content, so that a browser may keep each for ever.
type assets struct {
	byName  map[string]*asset // "portal.css"
	byFile  map[string]*asset // "portal-7YQ2ZK3M.css"
	strings []string
}

// asset is one file in each of its encodings.
type asset struct {
	file      string // name with hash
	mediaType string
	integrity string
	plain     []byte
	brotli    []byte // nil where compression gains nothing
	gzip      []byte // likewise
}

// mediaTypes names every kind of file the build may make; another kind is refused at start.
var mediaTypes = map[string]string{
	".css":   "text/css; charset=utf-8",
	".js":    "text/javascript; charset=utf-8",
	".svg":   "image/svg+xml",
	".txt":   "text/plain; charset=utf-8",
	".woff2": "font/woff2",
}

// newAssets reads the embedded files and refuses a manifest that names a missing or unknown file.
func newAssets() (*assets, error) {
	return readAssets(staticFS)
}

func readAssets(files fs.FS) (*assets, error) {
	raw, err := fs.ReadFile(files, "static/manifest.json")
	if err != nil {
		return nil, fmt.Errorf("read asset manifest: %w", err)
	}
	var manifest struct {
		Files   map[string]string `json:"files"`
		Strings []string          `json:"strings"`
	}
	if err := json.Unmarshal(raw, &manifest); err != nil {
		return nil, fmt.Errorf("read asset manifest: %w", err)
	}
	found := &assets{byName: map[string]*asset{}, byFile: map[string]*asset{}, strings: manifest.Strings}
	for name, file := range manifest.Files {
		one, err := readAsset(files, file)
		if err != nil {
			return nil, fmt.Errorf("read asset %s: %w", name, err)
		}
		found.byName[name], found.byFile[file] = one, one
	}
	return found, nil
}

func readAsset(files fs.FS, file string) (*asset, error) {
	mediaType, known := mediaTypes[path.Ext(file)]
	if !known {
		return nil, fmt.Errorf("no media type for %q", path.Ext(file))
	}
	plain, err := fs.ReadFile(files, "static/"+file)
	if err != nil {
		return nil, err
	}
	sum := sha512.Sum384(plain)
	one := &asset{
		file: file, mediaType: mediaType, plain: plain,
		integrity: "sha384-" + base64.StdEncoding.EncodeToString(sum[:]),
	}
	if packed, err := fs.ReadFile(files, "static/"+file+".br"); err == nil {
		one.brotli = packed
	}
	if packed, err := fs.ReadFile(files, "static/"+file+".gz"); err == nil {
		one.gzip = packed
	}
	return one, nil
}

// URL gives the path of the file built from name ("portal.css" → "/static/portal-7YQ2ZK3M.css"). It panics on a name
// that was not built: html/template reports that as an error of the page, and the test that renders every page sees it.
func (a *assets) URL(name string) string { return "/static/" + a.named(name).file }

// Integrity gives the value of an integrity attribute for name ("sha384-…"); it panics as URL does.
func (a *assets) Integrity(name string) string { return a.named(name).integrity }

// Strings lists, sorted, the keys of the words that scripts show; the page hands them over in its block of JSON.
func (a *assets) Strings() []string { return slices.Clone(a.strings) }

func (a *assets) named(name string) *asset {
	one, built := a.byName[name]
	if !built {
		panic(fmt.Sprintf("asset %q is not in static/manifest.json", name))
	}
	return one
}

// ServeHTTP answers GET and HEAD /static/{file} for hashed names only, from memory, in the best encoding the browser
// takes (brotli, then gzip), cacheable for a year. Anything else is 404 and is not to be kept.
func (a *assets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	one, found := a.byFile[strings.TrimPrefix(r.URL.Path, "/static/")]
	header := w.Header()
	header.Set("X-Content-Type-Options", "nosniff")
	if !found {
		header.Set("Cache-Control", "no-store")
		http.Error(w, "404", http.StatusNotFound)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		header.Set("Allow", "GET, HEAD")
		http.Error(w, "405", http.StatusMethodNotAllowed)
		return
	}
	header.Set("Cache-Control", "public, max-age=31536000, immutable")
	header.Set("Content-Type", one.mediaType)
	body, encoding := one.plain, ""
	if one.brotli != nil || one.gzip != nil {
		header.Set("Vary", "Accept-Encoding")
		body, encoding = one.encoded(r.Header.Values("Accept-Encoding"))
	}
	tag := strconv.Quote(one.file + encoding)
	header.Set("ETag", tag)
	if r.Header.Get("If-None-Match") == tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	if encoding != "" {
		header.Set("Content-Encoding", encoding)
	}
	header.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method == http.MethodHead {
		return
	}
	_, _ = w.Write(body) // a reader who went away is nobody's error
}

// encoded picks what the browser weighs highest; between equals the smaller, brotli before gzip before plain.
func (o *asset) encoded(accept []string) (body []byte, encoding string) {
	best, body := weight(accept, "identity"), o.plain
	for _, offer := range []struct {
		name string
		body []byte
	}{{"gzip", o.gzip}, {"br", o.brotli}} {
		if q := weight(accept, offer.name); offer.body != nil && q > 0 && q >= best {
			best, body, encoding = q, offer.body, offer.name
		}
	}
	return body, encoding
}

// weight reads the q of one content coding out of Accept-Encoding (RFC 9110 §12.5.3). The plain form is always
// acceptable, and only just, unless the browser weighs it itself.
func weight(accept []string, coding string) float64 {
	named, star := -1.0, -1.0
	for _, line := range accept {
		for part := range strings.SplitSeq(line, ",") {
			name, params, _ := strings.Cut(part, ";")
			q := 1.0
			if key, value, ok := strings.Cut(strings.TrimSpace(params), "="); ok && strings.EqualFold(key, "q") {
				parsed, err := strconv.ParseFloat(value, 64)
				if err != nil {
					continue
				}
				q = parsed
			}
			switch name = strings.TrimSpace(name); {
			case strings.EqualFold(name, coding):
				named = q
			case name == "*":
				star = q
			}
		}
	}
	switch {
	case named >= 0:
		return named
	case coding == "identity":
		return 0.0001
	case star >= 0:
		return star
	default:
		return 0
	}
}
