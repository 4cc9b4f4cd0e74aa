package mail

import (
	"bytes"
	"errors"
	"testing"
)

func TestOnlyTheSharedPartIsProven(t *testing.T) {
	t.Parallel()
	c, err := NewComposer(Settings{From: "Cổng xã Vân Khê <tin@vankhe.example>", BounceDomain: "bounce.vankhe.example"})
	if err != nil {
		t.Fatal(err)
	}
	m, err := c.NewMaster(sampleIssue("article"))
	if err != nil {
		t.Fatal(err)
	}
	r := sampleRecipient()
	if _, err := m.For(r); err != nil { // casts the mould
		t.Fatal(err)
	}
	out, err := m.For(r)
	if err != nil {
		t.Fatal(err)
	}
	head := out.unproven()
	if out.proven == 0 || !bytes.HasSuffix(head, []byte("\r\n")) || !bytes.Contains(head, []byte("\r\nTo: ")) || !bytes.Contains(head, []byte("List-Unsubscribe:")) {
		t.Fatalf("%d octets proven, unproven: %q", out.proven, head)
	}
	if !lineEnds(out.Raw) || leadingDot(out.Raw) {
		t.Error("what is proven is not true")
	}
	at := bytes.Index(out.Raw, []byte("\r\nTo: "))
	for _, smuggled := range []string{"\n\n", "\r\r", "\n.", "x\n"} {
		bad := out
		bad.Raw = bytes.Clone(out.Raw)
		copy(bad.Raw[at:], smuggled)
		if failed := (&Conn{}).check(bad); failed == nil || !errors.Is(failed.Err, errLineEnds) {
			t.Errorf("%q in the header passed: %v", smuggled, failed)
		}
	}
	if failed := (&Conn{}).check(out); failed != nil {
		t.Error(failed)
	}
	out.Raw = out.Raw[:100] // shorter than what was proven
	if failed := (&Conn{}).check(out); failed == nil {
		t.Error("a torn mail passed")
	}
}

func TestHarmlessWordsAreKept(t *testing.T) {
	t.Parallel()
	for words, kept := range map[string]bool{
		"": true, "2.0.0 OK queued as 4B2C": true, "a@b": false, " a": false, "a ": false, "a  b": false, "a\tb": false, "một": false, "a\x7f": false,
	} {
		if harmless(words) != kept {
			t.Errorf("harmless(%q) = %v", words, !kept)
		}
	}
}
