package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The threat table of docs/security.md names tests that exist.
func TestThreatTableNamesRealTests(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	folders := map[string]string{
		"web": "../../internal/web", "store": "../../internal/store", "reply": "../../internal/reply", "newsroom": "../../newsroom", "cmd/toasoan": ".",
	}
	sources := map[string]string{}
	for name, folder := range folders {
		files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			sources[name] += string(raw)
		}
	}
	named := regexp.MustCompile("`([a-z/]+)\\.(Test[A-Za-z]+)`").FindAllStringSubmatch(string(page), -1)
	if len(named) < 40 {
		t.Fatalf("only %d tests are named", len(named))
	}
	for _, n := range named {
		if !strings.Contains(sources[n[1]], "func "+n[2]+"(t *testing.T)") {
			t.Errorf("%s.%s does not exist", n[1], n[2])
		}
	}
}
