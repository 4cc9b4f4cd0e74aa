package mail

import (
	"bytes"
	"crypto/sha256"
	"slices"
)

// fingerprintBlock is how many octets behind the header are hashed together.
const fingerprintBlock = 512

// Fingerprint is what the ledger keeps of a mail's bytes, those of a signature apart: SHA-256 over the SHA-256 of its header and of each
// 512 octets that follow, from the empty line on. Any change of a byte, of its place or of their number gives another one. What all
// mails of an issue share is hashed once that way, not once for each recipient: that was a fifth of a worker's time.
func Fingerprint(raw []byte) [sha256.Size]byte {
	base := len(raw)
	if end := bytes.Index(raw, []byte("\r\n\r\n")); end >= 0 {
		base = end + 2
	}
	sum := sha256.Sum256(raw[:base])
	return sha256.Sum256(append(sum[:], blockSums(raw[base:])...))
}

// blockSums are the hashes of the blocks of rest, one behind the other.
func blockSums(rest []byte) []byte {
	sums := make([]byte, 0, (len(rest)/fingerprintBlock+1)*sha256.Size)
	for block := range slices.Chunk(rest, fingerprintBlock) {
		sum := sha256.Sum256(block)
		sums = append(sums, sum[:]...)
	}
	return sums
}

// fingerprint is that of a mail which was poured from d and whose header has base octets.
func (d *mould) fingerprint(raw []byte, base int) [sha256.Size]byte {
	h := sha256.New()
	sum := sha256.Sum256(raw[:base])
	h.Write(sum[:])
	rest, done := raw[base:], 0
	for _, own := range d.mixed {
		at := own * fingerprintBlock
		sum = sha256.Sum256(rest[at:min(len(rest), at+fingerprintBlock)])
		h.Write(d.sums[done*sha256.Size : own*sha256.Size])
		h.Write(sum[:])
		done = own + 1
	}
	h.Write(d.sums[done*sha256.Size:])
	h.Sum(sum[:0])
	return sum
}

// blocks are the blocks that the windows touch, by number.
func (d *mould) blocks() (list []int) {
	for _, w := range d.windows {
		first := w.start / 3 * 4
		last := first + (w.size+2)/3*4 - 1
		from, to := w.at+first+first/lineChars*2, w.at+last+last/lineChars*2
		for k := from / fingerprintBlock; k <= to/fingerprintBlock; k++ {
			list = append(list, k)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}
