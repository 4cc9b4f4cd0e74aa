package mail

import (
	"os"
	"path/filepath"
	"testing"

	"toasoan/internal/locale"
)

func TestPictures(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := Pictures(dir); err != nil {
		t.Fatal(err)
	}
	for _, tag := range locale.Tags() {
		for _, kind := range append([]string{"approval_request", "confirm_subscription"}, bulkKinds...) {
			for _, ext := range []string{".html", ".txt"} {
				if said, err := os.ReadFile(filepath.Join(dir, tag+"-"+kind+ext)); err != nil || len(said) < 200 {
					t.Errorf("%s-%s%s: %d bytes, %v", tag, kind, ext, len(said), err)
				}
			}
		}
	}
	if err := Pictures(filepath.Join(dir, "missing")); err == nil {
		t.Error("a folder that is not there went unnoticed")
	}
}
