package mailbox

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestAPIShape holds every answer against a golden file. The shapes are those of Mailpit's API v1, so a change here
// breaks the programs that read both.
func TestAPIShape(t *testing.T) {
	t.Parallel()
	m := start(t, t.TempDir())
	raw, err := os.ReadFile("testdata/rich.eml")
	if err != nil {
		t.Fatal(err)
	}
	crlf := strings.ReplaceAll(strings.ReplaceAll(string(raw), "\r\n", "\n"), "\n", "\r\n")
	send(t, m, "b+123@bounce.test", []string{"lan@x.test", "hidden@x.test"}, crlf)
	send(t, m, "a@x.test", []string{"b2@x.test"}, simple(2))
	listed, _ := m.Box.Find(Query{}, 0, 0)
	id := listed[1].ID

	for name, path := range map[string]string{
		"messages":     "/api/v1/messages",
		"messages-2nd": "/api/v1/messages?start=1&limit=1",
		"search":       `/api/v1/search?query=to:%22lan@x.test%22+subject:%22B%C3%A0i%22`,
		"headers":      "/api/v1/message/" + id + "/headers",
	} {
		golden(t, m, name, path, listed)
	}
	golden(t, m, "message", "/api/v1/message/"+id, listed)
	golden(t, m, "message-plain", "/api/v1/message/"+listed[0].ID, listed)
	golden(t, m, "messages-read", "/api/v1/messages?limit=1", listed)

	body, header := get(t, m, "/api/v1/message/"+id+"/raw", http.StatusOK)
	if body != "Return-Path: <b+123@bounce.test>\r\n"+crlf {
		t.Errorf("raw differs from what was sent:\n%s", body)
	}
	if got := header.Get("Content-Type"); got != "text/plain; charset=utf-8" {
		t.Errorf("raw is %s", got)
	}
}

// golden compares an answer with testdata/<name>.json; ids are random and come out as ID-0, ID-1.
func golden(t *testing.T, m *Mailbox, name, path string, ids []Summary) {
	t.Helper()
	body, header := get(t, m, path, http.StatusOK)
	if got := header.Get("Content-Type"); got != "application/json" {
		t.Errorf("%s is %s", path, got)
	}
	for i, s := range ids {
		body = strings.ReplaceAll(body, s.ID, "ID-"+string(rune('0'+i)))
	}
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, []byte(body), "", "  "); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	file := filepath.Join("testdata", name+".json")
	if *update {
		if err := os.WriteFile(file, pretty.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got := pretty.String(); got != string(want) {
		t.Errorf("%s differs from %s (run with -update if that is meant):\n%s", path, file, got)
	}
}
