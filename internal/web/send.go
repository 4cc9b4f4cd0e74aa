package web

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"strconv"

	"github.com/andybalholm/brotli"
)

// worthPacking is the size from which compressing pays, in bytes.
const worthPacking = 1 << 10

// Levels for pages that are made for one answer; what is kept is packed harder.
const (
	brotliOnce, gzipOnce = 3, 5
	brotliKept, gzipKept = 6, 7
)

// send answers with body, compressed as the client takes it. It is for pages made for one request; what is kept goes
// out as a packed.
func (s *Server) send(w http.ResponseWriter, r *http.Request, status int, mediaType string, body []byte) error {
	header := w.Header()
	header.Set("Content-Type", mediaType)
	header.Add("Vary", "Accept-Encoding")
	if len(body) >= worthPacking {
		switch encoding := bestEncoding(r); encoding {
		case "br":
			header.Set("Content-Encoding", encoding)
			body = packBrotli(body, brotliOnce)
		case "gzip":
			header.Set("Content-Encoding", encoding)
			body = packGzip(body, gzipOnce)
		}
	}
	header.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	if r.Method == http.MethodHead {
		return nil
	}
	if _, err := w.Write(body); err != nil {
		return fmt.Errorf("send answer: %w", err)
	}
	return nil
}

// bestEncoding is what the client weighs highest of brotli, gzip and plain (""); between equals the smaller.
func bestEncoding(r *http.Request) string {
	accept := r.Header.Values("Accept-Encoding")
	best, encoding := weight(accept, "identity"), ""
	for _, name := range []string{"gzip", "br"} {
		if q := weight(accept, name); q > 0 && q >= best {
			best, encoding = q, name
		}
	}
	return encoding
}

func packBrotli(body []byte, level int) []byte {
	var out bytes.Buffer
	packer := brotli.NewWriterLevel(&out, level)
	_, _ = packer.Write(body) // a buffer takes everything
	_ = packer.Close()
	return out.Bytes()
}

func packGzip(body []byte, level int) []byte {
	var out bytes.Buffer
	packer, err := gzip.NewWriterLevel(&out, level)
	if err != nil {
		return body // the level is a constant of ours
	}
	_, _ = packer.Write(body)
	_ = packer.Close()
	return out.Bytes()
}
