package backup

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"

	"filippo.io/age"
	"github.com/klauspost/compress/zstd"
)

const (
	// partSize is how much of a file is kept in memory: a tar wants the size in front, and a dump's is known at its end.
	partSize    = 8 << 20
	maxManifest = 1 << 20
	// maxWindow bounds what a file may make the decompressor keep.
	maxWindow = 64 << 20
)

// workFactor is age's own for a passphrase: 2^18 of scrypt, about a second and 256 MB. A file that asks for more is refused. Tests lower it.
var workFactor = 18

// Writer writes one backup: Add for each file, then Close with the manifest.
type Writer struct {
	sealed     io.WriteCloser
	compressed *zstd.Encoder
	tar        *tar.Writer
	files      map[string]File
}

// NewWriter begins a backup on w. The passphrase has at least LeastPassphrase bytes.
func NewWriter(w io.Writer, passphrase string) (*Writer, error) {
	if len(passphrase) < LeastPassphrase {
		return nil, fmt.Errorf("a backup's passphrase has at least %d characters", LeastPassphrase)
	}
	to, err := age.NewScryptRecipient(passphrase)
	if err != nil {
		return nil, fmt.Errorf("begin backup: %w", err)
	}
	to.SetWorkFactor(workFactor)
	b := &Writer{files: map[string]File{}}
	if b.sealed, err = age.Encrypt(w, to); err != nil {
		return nil, fmt.Errorf("begin backup: %w", err)
	}
	if b.compressed, err = zstd.NewWriter(b.sealed, zstd.WithEncoderConcurrency(1)); err != nil {
		return nil, fmt.Errorf("begin backup: %w", err)
	}
	b.tar = tar.NewWriter(b.compressed)
	return b, nil
}

// Add adds a file until content ends, a part at a time.
func (b *Writer) Add(name string, content io.Reader) error {
	part, sum, size := make([]byte, partSize), sha256.New(), int64(0)
	for {
		n, err := io.ReadFull(content, part)
		if n > 0 || size == 0 {
			if err := b.entry(name, part[:n]); err != nil {
				return fmt.Errorf("back up %s: %w", name, err)
			}
			sum.Write(part[:n])
			size += int64(n)
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			b.files[name] = File{size, hex.EncodeToString(sum.Sum(nil))}
			return nil
		}
		if err != nil {
			return fmt.Errorf("back up %s: %w", name, err)
		}
	}
}

func (b *Writer) entry(name string, content []byte) error {
	if err := b.tar.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: int64(len(content))}); err != nil {
		return err
	}
	_, err := b.tar.Write(content)
	return err
}

// Close ends the backup with its manifest, to which it adds format and files.
func (b *Writer) Close(m Manifest) (Manifest, error) {
	m.Format, m.Files = format, b.files
	content, err := json.Marshal(m)
	if err == nil {
		err = b.entry(manifest, content)
	}
	if err = errors.Join(err, b.tar.Close(), b.compressed.Close(), b.sealed.Close()); err != nil {
		return m, fmt.Errorf("end backup: %w", err)
	}
	return m, nil
}

// Read reads a backup to its end and returns its manifest once everything was found whole. Each file goes where open says, nil:
// nowhere. What was written there is worth nothing after an error. ErrPassphrase and ErrDamaged say what is wrong with the file.
func Read(r io.Reader, passphrase string, open func(name string) io.Writer) (m Manifest, err error) {
	by, err := age.NewScryptIdentity(passphrase)
	if err != nil {
		return m, ErrPassphrase
	}
	by.SetMaxWorkFactor(workFactor)
	plain, err := age.Decrypt(r, by)
	if _, wrong := errors.AsType[*age.NoIdentityMatchError](err); wrong {
		return m, ErrPassphrase
	}
	if err != nil {
		return m, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	expanded, err := zstd.NewReader(plain, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		return m, fmt.Errorf("read backup: %w", err)
	}
	defer expanded.Close()
	in := &reader{open: open, found: map[string]*found{}}
	if err := in.run(tar.NewReader(expanded)); err != nil {
		return m, err
	}
	// The archive's end is not yet the file's: what follows proves that nothing was cut off.
	if n, err := io.Copy(io.Discard, io.LimitReader(expanded, maxManifest)); err != nil || n == maxManifest {
		return m, fmt.Errorf("%w: its end", ErrDamaged)
	}
	return in.whole()
}

// reader is what was read so far.
type reader struct {
	open     func(string) io.Writer
	found    map[string]*found
	manifest []byte
}

type found struct {
	to     io.Writer
	failed error // to's
	sum    hash.Hash
	size   int64
}

// Write implements io.Writer and tells to's errors from those of the file that is read.
func (f *found) Write(p []byte) (n int, err error) {
	n, f.failed = f.to.Write(p)
	return n, f.failed
}

func (in *reader) run(archive *tar.Reader) error {
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		if header.Typeflag != tar.TypeReg || header.Size > partSize || strings.ContainsAny(header.Name, `/\`) || in.manifest != nil {
			return fmt.Errorf("%w: it holds what no backup of ours does", ErrDamaged)
		}
		if header.Name == manifest {
			var content bytes.Buffer
			if _, err := io.Copy(&content, io.LimitReader(archive, maxManifest)); err != nil {
				return fmt.Errorf("%w: %w", ErrDamaged, err)
			}
			in.manifest = content.Bytes()
			continue
		}
		f := in.found[header.Name]
		if f == nil {
			f = &found{to: io.Discard, sum: sha256.New()}
			if to := in.open(header.Name); to != nil {
				f.to = to
			}
			in.found[header.Name] = f
		}
		n, err := io.Copy(io.MultiWriter(f.sum, f), archive)
		f.size += n
		switch {
		case f.failed != nil:
			return f.failed
		case err != nil:
			return fmt.Errorf("%w: %w", ErrDamaged, err)
		}
	}
}

// whole compares what was read with what the manifest says was written.
func (in *reader) whole() (m Manifest, err error) {
	if in.manifest == nil {
		return m, fmt.Errorf("%w: it has no manifest", ErrDamaged)
	}
	if err := json.Unmarshal(in.manifest, &m); err != nil {
		return m, fmt.Errorf("%w: its manifest is none", ErrDamaged)
	}
	if m.Format != format {
		return m, fmt.Errorf("the backup has format %d, this program knows %d: run a newer toasoan", m.Format, format)
	}
	if len(m.Files) != len(in.found) {
		return m, fmt.Errorf("%w: %d files of %d", ErrDamaged, len(in.found), len(m.Files))
	}
	for name, want := range m.Files {
		f := in.found[name]
		if f == nil || f.size != want.Size || hex.EncodeToString(f.sum.Sum(nil)) != want.SHA256 {
			return m, fmt.Errorf("%w: %s is not what was written", ErrDamaged, name)
		}
	}
	return m, nil
}
