package activities

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// Visitor reads the portal over HTTP at a base URL (TOASOAN_CHECK_URL): the Outside of a running newsroom.
type Visitor struct {
	Base string
	HTTP *http.Client
}

// visitLimit bounds what one visit reads.
const visitLimit = 8 << 20

// Visit gets path below the base URL, without cookies and without following redirects elsewhere.
func (v Visitor) Visit(ctx context.Context, path string) (status int, body []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, visitTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(v.Base, "/")+path, nil)
	if err != nil {
		return 0, nil, fmt.Errorf("visit %s: %w", path, err)
	}
	req.Header.Set("User-Agent", "toasoan-check/1 (bot)")
	req.Header.Set("Cache-Control", "no-transform")
	res, err := v.HTTP.Do(req)
	if err != nil {
		return 0, nil, fmt.Errorf("visit %s: %w", path, err)
	}
	defer res.Body.Close() //nolint:errcheck // read only
	body, err = io.ReadAll(io.LimitReader(res.Body, visitLimit))
	if err != nil {
		return 0, nil, fmt.Errorf("read %s: %w", path, err)
	}
	return res.StatusCode, body, nil
}
