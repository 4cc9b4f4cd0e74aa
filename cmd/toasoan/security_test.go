package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The threat table of docs/security.md and the tables of docs/faults.md name tests that exist.
func TestThreatTableNamesRealTests(t *testing.T) {
	t.Parallel()
	page := namesRealTests(t, "../../docs/security.md", 60)
	_, table, _ := strings.Cut(page, "|---|---|---|\n")
	rows := strings.Split(table[:strings.Index(table, "\n\n")], "\n")
	if len(rows) < 30 {
		t.Errorf("the table has %d rows", len(rows))
	}
	for _, row := range rows {
		if cells := strings.Split(row, " | "); len(cells) != 3 || !strings.Contains(cells[2], ".Test") {
			t.Errorf("no test shows: %s", row)
		}
	}
}

func TestFaultTablesNameRealTests(t *testing.T) {
	t.Parallel()
	page := namesRealTests(t, "../../docs/faults.md", 60)
	campaign, err := os.ReadFile("faults_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range regexp.MustCompile("`TestFaults/([a-z-]+)`").FindAllStringSubmatch(page, -1) {
		if !strings.Contains(string(campaign), `{"`+n[1]+`", (*campaign).`) {
			t.Errorf("the campaign has no part %s", n[1])
		}
	}
	for _, n := range regexp.MustCompile(`\{"([a-z-]+)", \(\*campaign\)`).FindAllStringSubmatch(string(campaign), -1) {
		if !strings.Contains(page, "`TestFaults/"+n[1]+"`") {
			t.Errorf("the page does not say what %s is", n[1])
		}
	}
}

// namesRealTests reads a page that names tests as `package.TestName`.
func namesRealTests(t *testing.T, path string, least int) (page string) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`([a-z/]+)\\.((?:Test|Fuzz)[A-Za-z0-9]+)`").FindAllStringSubmatch(string(raw), -1)
	if len(named) < least {
		t.Fatalf("%s names only %d tests", path, len(named))
	}
	sources := map[string]string{}
	for _, n := range named {
		if sources[n[1]] == "" {
			sources[n[1]] = testSources(t, n[1])
		}
		if !regexp.MustCompile(`func ` + n[2] + `\((t \*testing\.T|f \*testing\.F)\)`).MatchString(sources[n[1]]) {
			t.Errorf("%s: %s.%s does not exist", path, n[1], n[2])
		}
	}
	return string(raw)
}

// testSources are the test files of a package that is named by the end of its path.
func testSources(t *testing.T, name string) (all string) {
	t.Helper()
	for _, folder := range []string{"../../internal/" + name, "../../" + name} {
		files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			all += string(raw)
		}
	}
	return all
}
