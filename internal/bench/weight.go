package main

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"strings"
	"sync/atomic"

	"github.com/andybalholm/brotli"
)

// links are the addresses of what a page brings along; faces those that a style sheet brings.
var (
	links = regexp.MustCompile(`<(?:link|script)\b[^>]*?\b(?:href|src)="([^"]+)"[^>]*>`)
	faces = regexp.MustCompile(`url\(["']?([^"')]+)["']?\)`)
)

// weight is what a first visit of a page costs on the wire, in bytes with all headers: the page, its styles, scripts and fonts, as a
// browser with brotli gets them, without pictures. parts is how many answers that are.
func weight(page string) (size int64, parts int, err error) {
	var read atomic.Int64
	client := &http.Client{Transport: &http.Transport{
		DisableCompression: true, // we unpack ourselves, so that what is counted is what was sent
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := (&net.Dialer{}).DialContext(ctx, network, addr)
			return &countedConn{conn, &read}, err
		},
	}}
	defer client.CloseIdleConnections()
	base, err := url.Parse(page)
	if err != nil {
		return 0, 0, err
	}
	seen := map[string]bool{}
	var visit func(ref *url.URL) error
	visit = func(ref *url.URL) error {
		if seen[ref.String()] || ref.Host != base.Host {
			return nil
		}
		seen[ref.String()] = true
		body, kind, err := fetch(client, ref.String())
		if err != nil {
			return err
		}
		parts++
		search := links
		if strings.HasPrefix(kind, "text/css") {
			search = faces
		} else if !strings.HasPrefix(kind, "text/html") {
			return nil
		}
		for _, found := range search.FindAllStringSubmatch(body, -1) {
			if !loaded(found[0]) {
				continue
			}
			next, err := ref.Parse(found[1])
			if err != nil {
				return err
			}
			switch path.Ext(next.Path) {
			case ".css", ".js", ".mjs", ".woff2", ".woff":
				if err := visit(next); err != nil {
					return err
				}
			}
		}
		return nil
	}
	err = visit(base)
	return read.Load(), parts, err
}

// loaded reports that a browser fetches what an element names: scripts, styles and what is loaded ahead.
func loaded(element string) bool {
	if !strings.HasPrefix(element, "<link") {
		return true
	}
	return strings.Contains(element, "stylesheet") || strings.Contains(element, "preload")
}

// fetch gets and unpacks one address.
func fetch(client *http.Client, address string) (body, kind string, err error) {
	r, err := http.NewRequest(http.MethodGet, address, nil) //nolint:noctx // loopback
	if err != nil {
		return "", "", err
	}
	r.Header.Set("Accept-Encoding", "br, gzip")
	r.Header.Set("Accept-Language", "vi")
	r.Header.Set("User-Agent", "Mozilla/5.0 (Linux; Android 14) bench")
	res, err := client.Do(r)
	if err != nil {
		return "", "", err
	}
	defer res.Body.Close() //nolint:errcheck // read only
	if res.StatusCode != http.StatusOK {
		return "", "", fmt.Errorf("%s answers %s", address, res.Status)
	}
	unpacked := io.Reader(res.Body)
	switch res.Header.Get("Content-Encoding") {
	case "br":
		unpacked = brotli.NewReader(res.Body)
	case "gzip":
		if unpacked, err = gzip.NewReader(res.Body); err != nil {
			return "", "", err
		}
	}
	raw, err := io.ReadAll(unpacked)
	return string(raw), res.Header.Get("Content-Type"), err
}

// countedConn counts what is read from it.
type countedConn struct {
	net.Conn
	read *atomic.Int64
}

func (c *countedConn) Read(into []byte) (int, error) {
	n, err := c.Conn.Read(into)
	c.read.Add(int64(n))
	return n, err
}
