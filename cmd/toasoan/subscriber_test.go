package main

import (
	"bytes"
	"crypto/sha256"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"toasoan/internal/config"
	"toasoan/internal/secret"
	"toasoan/internal/testkit"
	"toasoan/newsroom"
)

// What the command exports it imports as it is, and a section that nobody can write for is an error, not silence.
func TestCommandImportsItsOwnExport(t *testing.T) {
	t.Parallel()
	_, app := testkit.Database(t)
	key := sha256.Sum256([]byte(t.Name()))
	keys, err := secret.NewRing(map[int][]byte{1: key[:]})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	o := &tool{terminal: terminal{out: &out, err: io.Discard}, keys: keys}
	c := config.Config{DatabaseURL: app, URL: &url.URL{}}
	if o.store, err = openStore(t.Context(), c, keys, logger(c, io.Discard)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(o.store.Close)
	for _, id := range []string{"kinh-te", "thong-bao"} {
		if _, err := o.store.SaveSection(t.Context(), console, newsroom.Section{ID: id, NameVI: id}); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(t.TempDir(), "list.csv")
	imported := func(list string, sections ...string) (string, error) {
		t.Helper()
		if err := os.WriteFile(file, []byte(list), 0o600); err != nil {
			t.Fatal(err)
		}
		out.Reset()
		err := o.importSubscribers(t.Context(), file, "giấy", sections, false)
		return out.String(), err
	}
	if said, err := imported("email\na@example.vn\n", "kinh-te", "khong-co"); err == nil || !strings.Contains(err.Error(), `"khong-co"`) {
		t.Errorf("an unknown section: %q, %v", said, err)
	}
	if said, err := imported("email,lists\n+a@example.vn,kinh-te:weekly thong-bao:instant\n"); err != nil || !strings.Contains(said, "1 new") {
		t.Fatalf("%q, %v", said, err)
	}
	if _, err := o.store.Subscribe(t.Context(), newsroom.SubscribeRequest{Email: "b@example.vn", Sections: []string{"kinh-te"}, Consent: true}); err != nil {
		t.Fatal(err)
	}
	out.Reset()
	if err := o.exportSubscribers(t.Context()); err != nil || !strings.Contains(out.String(), "'+a@example.vn") {
		t.Fatalf("%q, %v", out.String(), err)
	}
	if said, err := imported(out.String()); err != nil || !strings.Contains(said, "0 new, 0 with more sections, 1 unchanged, 0 skipped, 1 wrong\n  line 3: state requested") {
		t.Errorf("the own export reads as %q, %v", said, err)
	}
}
