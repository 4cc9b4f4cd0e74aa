package web

import (
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"toasoan/internal/locale"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares got with a kept file, or writes it.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != got {
		t.Errorf("%s differs from what is made now: look at the difference and run with -update", file)
	}
}

// The description is a promise to scripts: a change of it is seen in review.
func TestOpenAPIIsFrozen(t *testing.T) {
	t.Parallel()
	s := quietServer(t, nil)
	w := answer(s, httptest.NewRequest(http.MethodGet, "/api/openapi.json", nil))
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "application/openapi+json" {
		t.Fatalf("%d %s", w.Code, w.Header().Get("Content-Type"))
	}
	golden(t, "testdata/openapi.json", w.Body.String())
}

func TestAPIDocument(t *testing.T) {
	t.Parallel()
	golden(t, "../../docs/api.md", describeAPI(quietServer(t, nil)))
}

// The page works without script and style of its own, and explains every code that a problem's type points at.
func TestAPIDocsPage(t *testing.T) {
	t.Parallel()
	s := quietServer(t, nil)
	for _, lang := range []string{"vi", "en"} {
		w := answer(s, httptest.NewRequest(http.MethodGet, "/api/docs?lang="+lang, nil))
		body := w.Body.String()
		if w.Code != http.StatusOK || !strings.Contains(body, "POST /api/v1/articles/{id}/moves") || !strings.Contains(body, "/api/v1/subscribers:import") {
			t.Fatalf("%s: %d", lang, w.Code)
		}
		for _, never := range []string{" style=", "<style", " onclick=", "https://unpkg", "https://cdn"} {
			if strings.Contains(body, never) {
				t.Errorf("page has %q", never)
			}
		}
		for _, c := range apiCodes(locale.For(lang)) {
			if !strings.Contains(body, `id="code-`+c.Code+`"`) {
				t.Errorf("%s is not explained", c.Code)
			}
		}
	}
}

// describeAPI is the description as docs/api.md carries it.
func describeAPI(s *Server) string {
	var b strings.Builder
	l := locale.For("en")
	b.WriteString("# The API\n\nMade from the Go types by `go test ./internal/web -run TestAPIDocument -update`; the same as `/api/openapi.json`, and as `/api/docs` for reading.\n\n")
	b.WriteString(s.api.docs.About + "\n\n")
	b.WriteString("`Authorization: Bearer toasoan_…` on every request; scopes `write` (articles, as the token's owner), `decide` (approve, refuse, withdraw; issued with the own PIN), `admin` (subscribers, imports, recipients). A token may ask " +
		fmt.Sprintf("%d times at once and then %d times a second; beyond that 429 with `Retry-After`.\n\n", apiBurst, int(1/apiEvery.Seconds())))
	for _, g := range s.api.docs.Groups {
		fmt.Fprintf(&b, "## %s\n\n", g.Name)
		for _, v := range g.Verbs {
			fmt.Fprintf(&b, "### `%s %s`\n\n%s %s\n\n", v.Method, v.Path, v.Summary, v.About)
			if v.BodyType != "" {
				fmt.Fprintf(&b, "Body: `%s` (%s).\n\n", v.BodyType, v.Body)
			} else if v.Body != "" {
				fmt.Fprintf(&b, "Body: %s.\n\n", v.Body)
			}
			docsTable(&b, v.Fields)
			var answers []string
			for _, a := range v.Answers {
				if a.Type != "" && a.Type != "Problem" {
					answers = append(answers, a.Status+" `"+a.Type+"`")
				} else {
					answers = append(answers, a.Status)
				}
			}
			fmt.Fprintf(&b, "Answers: %s.\n\n", strings.Join(answers, ", "))
		}
	}
	b.WriteString("## Types\n\n")
	for _, t := range s.api.docs.Types {
		if len(t.Fields) == 0 {
			continue
		}
		fmt.Fprintf(&b, "### %s\n\n", t.Name)
		docsTable(&b, t.Fields)
	}
	b.WriteString("## Codes of problems\n\n| code | status | sentence |\n|---|---|---|\n")
	for _, c := range apiCodes(l) {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", c.Code, c.Status, c.Text)
	}
	return b.String()
}

func docsTable(b *strings.Builder, fields []apiDocsField) {
	if len(fields) == 0 {
		return
	}
	b.WriteString("| name | type | |\n|---|---|---|\n")
	for _, f := range fields {
		name, about := "`"+f.Name+"`", f.About
		if f.Required {
			name += " *"
		}
		if f.In != "" {
			about = strings.TrimSpace("(" + f.In + ") " + about)
		}
		fmt.Fprintf(b, "| %s | %s | %s |\n", name, f.Type, strings.ReplaceAll(about, "|", `\|`))
	}
	b.WriteString("\n")
}
