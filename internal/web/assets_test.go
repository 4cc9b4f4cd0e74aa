package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha512"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/andybalholm/brotli"
)

func TestAssetsCarryEveryBundle(t *testing.T) {
	t.Parallel()
	built := setupAssets(t)
	for _, name := range []string{
		"portal.css", "desk.css", "decide.css", "embed.css", "print.css", "icons.svg", "emblem.svg", "favicon.svg",
		"early.js", "portal.js", "desk.js", "editor.js", "be-vietnam-pro-vietnamese-400-normal.woff2",
	} {
		answer := getAsset(built, built.URL(name), "")
		if answer.Code != http.StatusOK {
			t.Errorf("%s: status %d", name, answer.Code)
		}
		sum := sha512.Sum384(answer.Body.Bytes())
		if want := "sha384-" + base64.StdEncoding.EncodeToString(sum[:]); built.Integrity(name) != want {
			t.Errorf("%s: integrity %s, want %s", name, built.Integrity(name), want)
		}
		if got := answer.Header().Get("Cache-Control"); !strings.Contains(got, "immutable") {
			t.Errorf("%s: Cache-Control %q", name, got)
		}
	}
}

func TestAssetEncodingsHoldTheSameBytes(t *testing.T) {
	t.Parallel()
	built := setupAssets(t)
	for name, one := range built.byName {
		if one.brotli != nil {
			if got, err := io.ReadAll(brotli.NewReader(bytes.NewReader(one.brotli))); err != nil || !bytes.Equal(got, one.plain) {
				t.Errorf("%s: brotli differs from plain (%v)", name, err)
			}
		}
		if one.gzip != nil {
			unpacked, err := gzip.NewReader(bytes.NewReader(one.gzip))
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if got, err := io.ReadAll(unpacked); err != nil || !bytes.Equal(got, one.plain) {
				t.Errorf("%s: gzip differs from plain (%v)", name, err)
			}
		}
	}
}

func TestAssetEncodingIsWhatTheBrowserTakes(t *testing.T) {
	t.Parallel()
	built := setupAssets(t)
	for accept, want := range map[string]string{
		"":                        "",
		"gzip, deflate, br, zstd": "br",
		"gzip, deflate":           "gzip",
		"br;q=0, gzip":            "gzip",
		"br;q=0.2, gzip;q=0.8":    "gzip",
		"GZIP;q=1.0, BR":          "br",
		"identity":                "",
		"*":                       "br",
		"*;q=0":                   "",
		"gzip;q=nonsense":         "",
		"zstd":                    "",
	} {
		answer := getAsset(built, built.URL("portal.css"), accept)
		if got := answer.Header().Get("Content-Encoding"); got != want {
			t.Errorf("Accept-Encoding %q: got %q, want %q", accept, got, want)
		}
		if got := answer.Header().Get("Vary"); got != "Accept-Encoding" {
			t.Errorf("Accept-Encoding %q: Vary %q", accept, got)
		}
	}
}

func TestAssetAnswersToStrangeRequests(t *testing.T) {
	t.Parallel()
	built := setupAssets(t)
	path := built.URL("desk.css")
	for _, missing := range []string{"/static/", "/static/desk.css", "/static/manifest.json", path + ".br", "/static/../assets.go"} {
		answer := getAsset(built, missing, "br")
		if answer.Code != http.StatusNotFound || answer.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s: status %d, Cache-Control %q", missing, answer.Code, answer.Header().Get("Cache-Control"))
		}
	}

	post := httptest.NewRecorder()
	built.ServeHTTP(post, httptest.NewRequest(http.MethodPost, path, nil))
	if post.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST: status %d", post.Code)
	}

	head := httptest.NewRecorder()
	built.ServeHTTP(head, httptest.NewRequest(http.MethodHead, path, nil))
	if head.Body.Len() != 0 || head.Header().Get("Content-Length") == "" {
		t.Errorf("HEAD: %d bytes, Content-Length %q", head.Body.Len(), head.Header().Get("Content-Length"))
	}

	again := httptest.NewRequest(http.MethodGet, path, nil)
	again.Header.Set("If-None-Match", head.Header().Get("ETag"))
	kept := httptest.NewRecorder()
	built.ServeHTTP(kept, again)
	if kept.Code != http.StatusNotModified || kept.Body.Len() != 0 {
		t.Errorf("If-None-Match: status %d, %d bytes", kept.Code, kept.Body.Len())
	}
}

func TestAssetURLRefusesWhatWasNotBuilt(t *testing.T) {
	t.Parallel()
	built := setupAssets(t)
	defer func() {
		if recover() == nil {
			t.Error("URL of an unknown name did not panic")
		}
	}()
	_ = built.URL("portal.scss")
}

func TestAssetsRefuseABrokenBuild(t *testing.T) {
	t.Parallel()
	for name, files := range map[string]fstest.MapFS{
		"no manifest":  {},
		"not JSON":     {"static/manifest.json": {Data: []byte("{")}},
		"missing file": {"static/manifest.json": {Data: []byte(`{"files":{"a.css":"a-1.css"}}`)}},
		"unknown kind": {"static/manifest.json": {Data: []byte(`{"files":{"a.exe":"a-1.exe"}}`)}, "static/a-1.exe": {}},
	} {
		if _, err := readAssets(files); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestAssetStringsAreSortedAndUnique(t *testing.T) {
	t.Parallel()
	keys := setupAssets(t).Strings()
	if len(keys) == 0 || !slices.IsSorted(keys) || len(slices.Compact(keys)) != len(keys) {
		t.Errorf("keys of words for scripts: %v", keys)
	}
}

func setupAssets(t *testing.T) *assets {
	t.Helper()
	built, err := newAssets()
	if err != nil {
		t.Fatal(err)
	}
	return built
}

func getAsset(built *assets, path, accept string) *httptest.ResponseRecorder {
	request := httptest.NewRequest(http.MethodGet, "/", nil)
	request.URL.Path = path
	if accept != "" {
		request.Header.Set("Accept-Encoding", accept)
	}
	answer := httptest.NewRecorder()
	built.ServeHTTP(answer, request)
	return answer
}
