package mail

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"testing"
)

// The definition, in words of its own: whoever holds a mail can say whether it is the one in the ledger.
func TestFingerprintIsWhatItSays(t *testing.T) {
	t.Parallel()
	for _, octets := range []int{0, 1, 511, 512, 513, 4096} {
		head, rest := "To: a@example.vn\r\nSubject: x\r\n", "\r\n"+strings.Repeat("y", octets)
		list := sha256.Sum256([]byte(head))
		all := list[:]
		for at := 0; at < len(rest); at += 512 {
			sum := sha256.Sum256([]byte(rest[at:min(len(rest), at+512)]))
			all = append(all, sum[:]...)
		}
		if got, want := Fingerprint([]byte(head+rest)), sha256.Sum256(all); got != want {
			t.Errorf("%d octets: %s, want %s", octets, hex.EncodeToString(got[:]), hex.EncodeToString(want[:]))
		}
	}
}

func TestFingerprintSeesEveryChange(t *testing.T) {
	t.Parallel()
	raw := []byte("To: a@example.vn\r\n\r\n" + strings.Repeat("abcdefgh", 300))
	seen := map[[sha256.Size]byte]int{Fingerprint(raw): -1}
	note := func(at int, changed []byte) {
		sum := Fingerprint(changed)
		if before, known := seen[sum]; known {
			t.Errorf("changes %d and %d look alike", before, at)
		}
		seen[sum] = at
	}
	for at := range raw {
		changed := bytes.Clone(raw)
		changed[at] ^= 0x20
		note(at, changed)
	}
	for at := 1; at < len(raw); at += 7 {
		note(10_000+at, raw[:at]) // cut off
	}
	blocks := slices.Concat(raw[:20], raw[532:1044], raw[20:532], raw[1044:])
	blocks[30] = 'X'
	note(20_000, blocks)
	swapped := slices.Concat(blocks[:20], blocks[532:1044], blocks[20:532], blocks[1044:]) // two blocks change places
	note(20_001, swapped)
	note(20_002, append(bytes.Clone(raw), '.'))
}
