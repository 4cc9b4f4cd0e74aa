package secret

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"strings"

	"golang.org/x/crypto/argon2"
)

// Cost of one argon2id hash (OWASP: 46 MiB, one pass, one lane), about 40 ms on a 2016 core.
const (
	memoryKiB = 46 * 1024
	passes    = 1
	lanes     = 1
	saltSize  = 16
	hashSize  = 32
)

// turns caps how many hashes are computed at once, so that a flood of sign-ins can take neither the memory nor every core.
var turns = make(chan struct{}, max(1, runtime.GOMAXPROCS(0)))

// Hash is the argon2id hash of a password or PIN in PHC form, with a fresh salt. It waits for its turn until ctx ends.
func Hash(ctx context.Context, plain string) (string, error) {
	salt := make([]byte, saltSize)
	rand.Read(salt) //nolint:errcheck // crypto/rand.Read never fails since Go 1.24
	sum, err := idKey(ctx, plain, cost{memoryKiB, passes, lanes}, salt, hashSize)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, memoryKiB, passes, lanes,
		base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(sum)), nil
}

// Verify reports whether plain is what phc was made of, in the time of one hash. An empty phc (no password set, no such
// account) takes the same time and is never right.
func Verify(ctx context.Context, phc, plain string) (bool, error) {
	if phc == "" {
		_, err := idKey(ctx, plain, cost{memoryKiB, passes, lanes}, make([]byte, saltSize), hashSize)
		return false, err
	}
	c, salt, want, err := parsePHC(phc)
	if err != nil {
		return false, err
	}
	got, err := idKey(ctx, plain, c, salt, uint32(len(want)))
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(got, want) == 1, nil
}

type cost struct {
	memory uint32 // KiB
	passes uint32
	lanes  uint8
}

func idKey(ctx context.Context, plain string, c cost, salt []byte, size uint32) ([]byte, error) {
	if ctx.Err() != nil {
		return nil, fmt.Errorf("wait to hash: %w", ctx.Err())
	}
	select {
	case turns <- struct{}{}:
		defer func() { <-turns }()
	case <-ctx.Done():
		return nil, fmt.Errorf("wait to hash: %w", ctx.Err())
	}
	return argon2.IDKey([]byte(plain), salt, c.passes, c.memory, c.lanes, size), nil
}

// errPHC says that a stored hash is damaged; it never repeats it.
var errPHC = errors.New("stored hash is not argon2id in PHC form")

// parsePHC reads a stored hash. It refuses costs that a damaged or planted row could use to exhaust the machine.
func parsePHC(phc string) (c cost, salt, sum []byte, err error) {
	part := strings.Split(phc, "$")
	if len(part) != 6 || part[1] != "argon2id" || part[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return c, nil, nil, errPHC
	}
	if n, err := fmt.Sscanf(part[3], "m=%d,t=%d,p=%d", &c.memory, &c.passes, &c.lanes); err != nil || n != 3 {
		return c, nil, nil, errPHC
	}
	if c.memory < 8 || c.memory > 1<<20 || c.passes < 1 || c.passes > 16 || c.lanes < 1 || c.lanes > 16 {
		return c, nil, nil, errPHC
	}
	if salt, err = base64.RawStdEncoding.DecodeString(part[4]); err != nil || len(salt) < 8 {
		return c, nil, nil, errPHC
	}
	if sum, err = base64.RawStdEncoding.DecodeString(part[5]); err != nil || len(sum) < 16 || len(sum) > 64 {
		return c, nil, nil, errPHC
	}
	return c, salt, sum, nil
}
