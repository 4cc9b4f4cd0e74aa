package secret_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"toasoan/internal/secret"
)

func fixed(t *testing.T, versions ...int) *secret.Ring {
	t.Helper()
	keys := map[int][]byte{}
	for _, v := range versions {
		keys[v] = bytes.Repeat([]byte{byte(v)}, secret.KeySize)
	}
	ring, err := secret.NewRing(keys)
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

// The derivations are frozen: a change would kill every mailed link and every suppression of installations that run.
func TestDerivationsAreFrozen(t *testing.T) {
	t.Parallel()
	ring := fixed(t, 1, 2)
	if got, want := ring.Token("approval", "abc", 1), "H1wNdepjXUCsmws955vg_Tlo6PAcIcuZL8JqHx74XIc"; got != want {
		t.Errorf("token is %s, want %s", got, want)
	}
	if got, want := hex.EncodeToString(ring.MAC("email", "a@example.vn")), "990ee399781b7061b29706d0605c05097e15b80af54a9bce5b743372a41b74b3"; got != want {
		t.Errorf("mac is %s, want %s", got, want)
	}
}

func TestTokenDependsOnPurposeIDAndVersion(t *testing.T) {
	t.Parallel()
	ring := fixed(t, 1, 2)
	seen := map[string]bool{}
	for _, purpose := range []string{"approval", "leave"} {
		for _, id := range []string{"a", "b"} {
			for _, v := range []int{1, 2} {
				token := ring.Token(purpose, id, v)
				if raw, err := base64.RawURLEncoding.DecodeString(token); err != nil || len(raw) != 32 {
					t.Errorf("token %s/%s/%d is not 256 bits of base64url", purpose, id, v)
				}
				if seen[token] {
					t.Errorf("token %s/%s/%d is not its own", purpose, id, v)
				}
				seen[token] = true
				if again := ring.Token(purpose, id, v); again != token {
					t.Errorf("token %s/%s/%d changes between calls", purpose, id, v)
				}
			}
		}
	}
	if got := ring.Token("approval", "a", 3); got != "" {
		t.Errorf("a version that the ring does not hold gives %q", got)
	}
}

func TestRotationKeepsWhatWasWritten(t *testing.T) {
	t.Parallel()
	before := fixed(t, 1)
	sealed := before.Seal([]byte("bí mật"))
	after, err := before.Rotated()
	if err != nil {
		t.Fatal(err)
	}
	if after.Version() != 2 {
		t.Fatalf("version is %d after one rotation", after.Version())
	}
	if plain, err := after.Open(sealed); err != nil || string(plain) != "bí mật" {
		t.Errorf("old sealed value: %q, %v", plain, err)
	}
	if before.Token("p", "x", 1) != after.Token("p", "x", 1) {
		t.Error("an old token changed")
	}
	if !bytes.Equal(before.MAC("p", "x"), after.MAC("p", "x")) {
		t.Error("a keyed hash changed")
	}
	if _, err := before.Open(after.Seal([]byte("x"))); err == nil {
		t.Error("an old ring opens what a newer key sealed")
	}
}

func TestOpenRefusesWhatWasChanged(t *testing.T) {
	t.Parallel()
	ring := fixed(t, 1)
	sealed := ring.Seal([]byte("JBSWY3DPEHPK3PXP"))
	for i := range sealed {
		bad := bytes.Clone(sealed)
		bad[i] ^= 1
		if _, err := ring.Open(bad); err == nil {
			t.Fatalf("a change of byte %d is not noticed", i)
		}
	}
	for n := range sealed {
		if _, err := ring.Open(sealed[:n]); err == nil {
			t.Fatalf("%d of %d bytes open", n, len(sealed))
		}
	}
	if again := ring.Seal([]byte("JBSWY3DPEHPK3PXP")); bytes.Equal(again, sealed) {
		t.Error("sealing twice gives the same bytes")
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	good := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{9}, 32))
	for name, text := range map[string]string{
		"one": "1:" + good, "lines": "# made by run\n1:" + good + "\n2:" + good + "\n", "commas": "1:" + good + ",2:" + good,
	} {
		ring, err := secret.Parse(text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if again, err := secret.Parse(ring.Text()); err != nil || again.Text() != ring.Text() {
			t.Errorf("%s: does not survive writing and reading: %v", name, err)
		}
	}
	for name, text := range map[string]string{
		"empty": "", "no version": good, "short": "1:c2hvcnQ=", "twice": "1:" + good + ",1:" + good, "zero": "0:" + good, "not base64": "1:%%%%secretword",
	} {
		_, err := secret.Parse(text)
		if err == nil {
			t.Errorf("%s: accepted", name)
		} else if strings.Contains(err.Error(), "secretword") || strings.Contains(err.Error(), good) {
			t.Errorf("%s: the error repeats the key: %v", name, err)
		}
	}
}

func TestKeptIsMadeOnceAndPrivate(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	texts := make([]string, 8)
	var group sync.WaitGroup
	for i := range texts {
		group.Go(func() {
			ring, err := secret.Kept(data)
			if err != nil {
				t.Error(err)
				return
			}
			texts[i] = ring.Text()
		})
	}
	group.Wait()
	for _, text := range texts {
		if text != texts[0] {
			t.Fatal("two starts at once got different keys")
		}
	}
	path := filepath.Join(data, "secrets", secret.FileName)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode is %v", info.Mode())
	}
	ring, err := secret.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	next, err := ring.Rotated()
	if err != nil {
		t.Fatal(err)
	}
	if err := secret.Write(path, next); err != nil {
		t.Fatal(err)
	}
	if again, err := secret.Kept(data); err != nil || again.Text() != next.Text() {
		t.Errorf("the rotated ring is not kept: %v", err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := secret.Read(path); err == nil {
		t.Error("a key file that others can read is accepted")
	}
}

func TestKeptNeverOverwritesADamagedFile(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	path := filepath.Join(data, "secrets", secret.FileName)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("torn"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := secret.Kept(data); err == nil {
		t.Fatal("a damaged key file is accepted")
	}
	if kept, err := os.ReadFile(path); err != nil || string(kept) != "torn" {
		t.Errorf("the damaged file was touched: %q, %v", kept, err)
	}
}
