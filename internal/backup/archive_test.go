package backup

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/klauspost/compress/zstd"
)

const passphrase = "đường liên thôn 580 m"

func TestMain(m *testing.M) {
	workFactor = 10
	os.Exit(m.Run())
}

// saved is a backup of two files, one of them in several parts.
func saved(t *testing.T) (file []byte, big []byte, m Manifest) {
	t.Helper()
	big = make([]byte, 2*partSize+12345)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(big)
	var out bytes.Buffer
	w, err := NewWriter(&out, passphrase)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{Database: big, Keys: []byte("1:AAAA\n")} {
		if err := w.Add(name, bytes.NewReader(content)); err != nil {
			t.Fatal(err)
		}
	}
	m, err = w.Close(Manifest{Made: time.Unix(1e9, 0).UTC(), Schema: 19, Postgres: 15, Counts: map[string]int64{"articles": 12}, Audit: AuditTip{3, "ab"}})
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes(), big, m
}

func TestWhatWasBackedUpIsRead(t *testing.T) {
	t.Parallel()
	file, big, want := saved(t)
	if bytes.Contains(file, []byte("1:AAAA")) || bytes.Contains(file, []byte("manifest")) {
		t.Error("it is not encrypted")
	}
	got := map[string]*bytes.Buffer{}
	m, err := Read(bytes.NewReader(file), passphrase, func(name string) io.Writer {
		if got[name] != nil {
			t.Errorf("%s is opened twice", name)
		}
		got[name] = &bytes.Buffer{}
		return got[name]
	})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got[Database].Bytes(), big) || got[Keys].String() != "1:AAAA\n" || len(got) != 2 {
		t.Error("other bytes came out than went in")
	}
	if m.Schema != 19 || m.Counts["articles"] != 12 || !m.Made.Equal(want.Made) || m.Files[Database].Size != int64(len(big)) || m.Audit != want.Audit {
		t.Errorf("%+v", m)
	}
	for _, wrong := range []string{"", "đường liên thôn 850 m"} {
		if _, err := Read(bytes.NewReader(file), wrong, nowhere); !errors.Is(err, ErrPassphrase) {
			t.Errorf("another passphrase: %v", err)
		}
	}
	full := errors.New("disk full")
	if _, err := Read(bytes.NewReader(file), passphrase, func(string) io.Writer { return broken{full} }); !errors.Is(err, full) || errors.Is(err, ErrDamaged) {
		t.Errorf("whoever takes it fails: %v", err)
	}
}

type broken struct{ err error }

func (b broken) Write([]byte) (int, error) { return 0, b.err }

func nowhere(string) io.Writer { return nil }

func TestDamageIsFound(t *testing.T) {
	t.Parallel()
	file, _, _ := saved(t)
	damaged := map[string][]byte{
		"empty": {}, "half": file[:len(file)/2], "one byte short": file[:len(file)-1], "cut at a chunk": file[:len(file)-len(file)%(64<<10)],
		"more": append(bytes.Clone(file), 0), "words": []byte("this is no backup\n"), "twice": append(bytes.Clone(file), file...),
	}
	for _, at := range []int{200, len(file) / 3, len(file) - 20} {
		bent := bytes.Clone(file)
		bent[at] ^= 1
		damaged["a byte changed at "+string(rune('a'+at%26))] = bent
	}
	for name, content := range damaged {
		if _, err := Read(bytes.NewReader(content), passphrase, nowhere); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What somebody who knows the passphrase wrote by other means is held to the manifest too.
func TestForeignContentIsRefused(t *testing.T) {
	t.Parallel()
	for name, entries := range map[string][]tar.Header{
		"no manifest":        {{Name: Keys, Size: 3}},
		"nothing":            {},
		"a path":             {{Name: "../keys", Size: 3}, {Name: manifest, Size: 3}},
		"a link":             {{Name: Keys, Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}},
		"a manifest of none": {{Name: manifest, Size: 3}},
		"behind the end":     {{Name: manifest, Size: 3}, {Name: Keys, Size: 3}},
	} {
		var out bytes.Buffer
		to, err := age.NewScryptRecipient(passphrase)
		if err != nil {
			t.Fatal(err)
		}
		to.SetWorkFactor(10)
		sealed, err := age.Encrypt(&out, to)
		if err != nil {
			t.Fatal(err)
		}
		z, err := zstd.NewWriter(sealed)
		if err != nil {
			t.Fatal(err)
		}
		archive := tar.NewWriter(z)
		for _, h := range entries {
			if err := archive.WriteHeader(&h); err != nil {
				t.Fatal(err)
			}
			if _, err := io.CopyN(archive, strings.NewReader("abc"), h.Size); err != nil {
				t.Fatal(err)
			}
		}
		if err := errors.Join(archive.Close(), z.Close(), sealed.Close()); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(&out, passphrase, nowhere); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestShortPassphrasesAreRefused(t *testing.T) {
	t.Parallel()
	if _, err := NewWriter(io.Discard, "12345678901"); err == nil {
		t.Error("eleven characters")
	}
}
