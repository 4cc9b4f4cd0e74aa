package secret_test

import (
	"context"
	"strings"
	"testing"

	"toasoan/internal/secret"
)

func TestHashAndVerify(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	phc, err := secret.Hash(ctx, "mật khẩu dài")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(phc, "$argon2id$v=19$m=47104,t=1,p=1$") {
		t.Errorf("hash is %s", phc)
	}
	for plain, want := range map[string]bool{"mật khẩu dài": true, "mật khẩu dài ": false, "": false, "Mật khẩu dài": false} {
		if got, err := secret.Verify(ctx, phc, plain); err != nil || got != want {
			t.Errorf("Verify(%q) = %v, %v; want %v", plain, got, err, want)
		}
	}
	again, err := secret.Hash(ctx, "mật khẩu dài")
	if err != nil || again == phc {
		t.Errorf("the same password hashes the same: %v", err)
	}
}

func TestVerifyWithoutHashIsNeverRight(t *testing.T) {
	t.Parallel()
	for _, plain := range []string{"", "x"} {
		if ok, err := secret.Verify(t.Context(), "", plain); ok || err != nil {
			t.Errorf("Verify(empty, %q) = %v, %v", plain, ok, err)
		}
	}
}

func TestVerifyRefusesDamagedHashes(t *testing.T) {
	t.Parallel()
	for _, phc := range []string{
		"x", "$argon2i$v=19$m=47104,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA",
		"$argon2id$v=19$m=99999999,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA",
		"$argon2id$v=19$m=47104,t=99,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA",
		"$argon2id$v=19$m=47104,t=1,p=1$!!$aGFzaGhhc2hoYXNoaGFzaA",
		"$argon2id$v=19$m=47104,t=1,p=1$c2FsdHNhbHQ$",
	} {
		if ok, err := secret.Verify(t.Context(), phc, "x"); ok || err == nil {
			t.Errorf("Verify(%q) = %v, %v", phc, ok, err)
		}
	}
}

// More callers than turns all get theirs, and one whose request ended does not wait.
func TestHashTakesTurns(t *testing.T) {
	t.Parallel()
	done := make(chan error)
	const callers = 12
	for range callers {
		go func() {
			_, err := secret.Hash(t.Context(), "x")
			done <- err
		}()
	}
	for range callers {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := secret.Hash(gone, "x"); err == nil {
		t.Error("a caller whose request ended is served")
	}
}
