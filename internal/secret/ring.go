package secret

import (
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/crypto/chacha20poly1305"
)

// KeySize is the length of a master key in bytes.
const KeySize = 32

// Ring holds the master keys by version. The newest one is used for what is written now, older ones only to read what was
// written with them; the oldest one is kept for ever, since keyed hashes depend on it. Safe for concurrent use.
type Ring struct {
	keys     map[int][]byte
	versions []int // ascending

	derived sync.Map // purposeKey → *tagger: a newsletter asks for the same one for each reader, four times
	known   atomic.Int32
}

// mostDerived bounds how many derived keys are remembered: a few purposes, and one for each account.
const mostDerived = 1000

// purposeKey names a derived key.
type purposeKey struct {
	version int
	info    string
}

// NewRing takes master keys of KeySize bytes by version, from 1. It refuses an empty ring and keys of another size.
func NewRing(keys map[int][]byte) (*Ring, error) {
	if len(keys) == 0 {
		return nil, errors.New("a key ring needs at least one key")
	}
	r := &Ring{keys: make(map[int][]byte, len(keys))}
	for v, key := range keys {
		if v < 1 || v > 255 {
			return nil, fmt.Errorf("key version %d: want 1 to 255", v)
		}
		if len(key) != KeySize {
			return nil, fmt.Errorf("key version %d has %d bytes, want %d", v, len(key), KeySize)
		}
		r.keys[v] = slices.Clone(key)
		r.versions = append(r.versions, v)
	}
	slices.Sort(r.versions)
	return r, nil
}

// Parse reads a ring from its text form, one "<version>:<base64 of 32 bytes>" per line or comma: the form of the key file and of
// TOASOAN_SECRET. The error never repeats what it could not read.
func Parse(text string) (*Ring, error) {
	keys := map[int][]byte{}
	for i, entry := range strings.FieldsFunc(text, func(c rune) bool { return c == ',' || c == '\n' || c == '\r' }) {
		entry = strings.TrimSpace(entry)
		if entry == "" || strings.HasPrefix(entry, "#") {
			continue
		}
		number, value, ok := strings.Cut(entry, ":")
		if !ok {
			return nil, fmt.Errorf("key %d: want <version>:<base64 of %d bytes>", i+1, KeySize)
		}
		version, err := strconv.Atoi(strings.TrimSpace(number))
		if err != nil {
			return nil, fmt.Errorf("key %d: its version is not a number", i+1)
		}
		key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(value))
		if err != nil {
			return nil, fmt.Errorf("key %d: not base64", i+1)
		}
		if _, again := keys[version]; again {
			return nil, fmt.Errorf("key %d: version %d comes twice", i+1, version)
		}
		keys[version] = key
	}
	return NewRing(keys)
}

// Text is the form that Parse reads, one key per line, oldest first.
func (r *Ring) Text() string {
	var b strings.Builder
	for _, v := range r.versions {
		fmt.Fprintf(&b, "%d:%s\n", v, base64.StdEncoding.EncodeToString(r.keys[v]))
	}
	return b.String()
}

// Rotated returns a ring with one more, fresh key on top. What was written with older keys stays readable.
func (r *Ring) Rotated() (*Ring, error) {
	keys := map[int][]byte{r.Version() + 1: fresh()}
	for v, key := range r.keys {
		keys[v] = key
	}
	return NewRing(keys)
}

func fresh() []byte {
	key := make([]byte, KeySize)
	rand.Read(key) //nolint:errcheck // crypto/rand.Read never fails since Go 1.24
	return key
}

// Version is the newest key's version.
func (r *Ring) Version() int { return r.versions[len(r.versions)-1] }

// Token derives the token for id under purpose with key version v: 256 bits as base64url, 43 characters, the same for the
// same inputs. A version that the ring does not hold gives "", which no stored hash equals.
func (r *Ring) Token(purpose, id string, v int) string {
	if _, ok := r.keys[v]; !ok {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(r.purpose(v, "token/"+purpose).tag(id))
}

// MAC is a keyed hash of value under purpose (32 bytes): for equality without the value. It depends on the oldest key only, so
// that it does not change when keys are rotated.
func (r *Ring) MAC(purpose, value string) []byte {
	return r.purpose(r.versions[0], "mac/"+purpose).tag(value)
}

// purpose makes tags with the key derived for info from version v's master; it is remembered where there is room.
func (r *Ring) purpose(v int, info string) *tagger {
	name := purposeKey{v, info}
	if known, ok := r.derived.Load(name); ok {
		return known.(*tagger) //nolint:forcetypeassert // only these are stored
	}
	t := newTagger(derive(r.keys[v], info))
	if r.known.Add(1) <= mostDerived {
		r.derived.Store(name, t)
	}
	return t
}

// Seal encrypts plain with the newest key (XChaCha20-Poly1305, random nonce). The first byte names the key's version.
func (r *Ring) Seal(plain []byte) []byte {
	v := r.Version()
	nonce := make([]byte, chacha20poly1305.NonceSizeX)
	rand.Read(nonce) //nolint:errcheck // crypto/rand.Read never fails since Go 1.24
	head := append([]byte{byte(v)}, nonce...)
	return box(r.keys[v]).Seal(head, nonce, plain, head[:1])
}

// errSealed hides why: a wrong key and a changed byte look the same.
var errSealed = errors.New("sealed value cannot be opened")

// Open reads what Seal wrote with any key of the ring. It refuses whatever was changed since.
func (r *Ring) Open(sealed []byte) ([]byte, error) {
	const head = 1 + chacha20poly1305.NonceSizeX
	if len(sealed) < head {
		return nil, errSealed
	}
	key, ok := r.keys[int(sealed[0])]
	if !ok {
		return nil, fmt.Errorf("%w: key version %d is missing", errSealed, sealed[0])
	}
	plain, err := box(key).Open(nil, sealed[1:head], sealed[head:], sealed[:1])
	if err != nil {
		return nil, errSealed
	}
	return plain, nil
}

func box(master []byte) cipher.AEAD {
	aead, err := chacha20poly1305.NewX(derive(master, "seal"))
	if err != nil {
		panic(err) // the key is KeySize long: cannot happen
	}
	return aead
}

// derive separates purposes: HKDF-SHA256 (RFC 5869) of a master key with the purpose as info.
func derive(master []byte, info string) []byte {
	key, err := hkdf.Key(sha256.New, master, nil, "toasoan/"+info, KeySize)
	if err != nil {
		panic(err) // 32 bytes are always available: cannot happen
	}
	return key
}

// tagger is HMAC-SHA256 under one key. What has read the key is used again: to make it costs more than a tag.
type tagger struct{ ready sync.Pool }

func newTagger(key []byte) *tagger {
	return &tagger{ready: sync.Pool{New: func() any { return hmac.New(sha256.New, key) }}}
}

func (t *tagger) tag(value string) []byte {
	mac := t.ready.Get().(hash.Hash) //nolint:forcetypeassert // New makes nothing else
	defer t.ready.Put(mac)
	mac.Reset()
	mac.Write([]byte(value))
	return mac.Sum(make([]byte, 0, sha256.Size))
}
