package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"toasoan/internal/store"
	"toasoan/newsroom"
)

// chainFile is an export of a few rows.
func chainFile(t *testing.T) (name, root string) {
	t.Helper()
	var out bytes.Buffer
	prev := make([]byte, 32)
	for i := range 5 {
		r := store.AuditRecord{
			ID: int64(i + 1), At: time.Date(2026, 10, 2, 8, i, 0, 0, time.UTC), ActorName: "Trần Văn Minh", Action: "approve",
			Reason: "Đồng ý <đăng>", Detail: json.RawMessage(`{"n":1}`), PrevHash: prev,
		}
		r.Hash = r.Sum()
		prev = r.Hash
		line, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(append(line, '\n'))
	}
	name = filepath.Join(t.TempDir(), "nhat-ky.jsonl")
	if err := os.WriteFile(name, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return name, hex.EncodeToString(prev)
}

func TestVerifyAuditWorksOfflineOnAFile(t *testing.T) {
	t.Parallel()
	name, root := chainFile(t)
	run := func(arguments ...string) (code int, said string) {
		var out bytes.Buffer
		code = execute(t.Context(), terminal{in: strings.NewReader(""), out: &out, err: &out, getenv: func(string) string { return "" }},
			append([]string{"verify-audit"}, arguments...))
		return code, out.String()
	}
	if code, said := run("--file", name, "--root", root); code != 0 || !strings.Contains(said, "5 rows") || !strings.Contains(said, root) {
		t.Errorf("exit %d: %s", code, said)
	}
	if code, said := run("--file="+name, "--root", strings.Repeat("0", 64)); code != 1 || !strings.Contains(said, "no row has the root") {
		t.Errorf("another root: exit %d: %s", code, said)
	}
	if code, said := run("--file", name, "--root", "abc"); code == 0 || !strings.Contains(said, "64 hexadecimal") {
		t.Errorf("no root at all: exit %d: %s", code, said)
	}
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, bytes.Replace(raw, []byte("8:03:00"), []byte("8:04:00"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, said := run("--file", name); code != 1 || !strings.Contains(said, "3 rows hold, then: audit row 4 was altered") {
		t.Errorf("an altered byte: exit %d: %s", code, said)
	}
	if code, said := run("--file", name+".none"); code != 1 || strings.Count(strings.TrimSpace(said), "\n") != 0 {
		t.Errorf("no such file: exit %d: %s", code, said)
	}
}

func TestExportIsThereWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	name := filepath.Join(dir, "nhat-ky.jsonl")
	if _, err := exportTo(name, writeThen(nil)); err != nil {
		t.Fatal(err)
	}
	if _, err := exportTo(name+"2", writeThen(os.ErrDeadlineExceeded)); err == nil {
		t.Error("a failed export is no error")
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 || left[0].Name() != "nhat-ky.jsonl" {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func writeThen(err error) func(io.Writer) (newsroom.AuditPoint, error) {
	return func(w io.Writer) (newsroom.AuditPoint, error) {
		if _, err := io.WriteString(w, "half"); err != nil {
			return newsroom.AuditPoint{}, err
		}
		return newsroom.AuditPoint{ID: 1}, err
	}
}
