package deliverability

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"strings"
)

// dkim holds the public key in DNS against our private one (RFC 6376, RFC 8463).
func (c *checker) dkim(ctx context.Context) Finding {
	if c.Selector == "" || len(c.Key) == 0 {
		return Finding{
			Check: "dkim", State: Unknown, Said: "the relay signs: its key is not ours to look at",
			Do: "see that it signs as " + c.from + ", or set DKIM_SELECTOR and DKIM_KEY_FILE",
		}
	}
	kind, ours, err := publicKey(c.Key)
	if err != nil {
		return Finding{Check: "dkim", State: Failed, Said: "DKIM_KEY_FILE: " + err.Error(), Do: "make a new key: openssl genrsa -out dkim.pem 2048"}
	}
	name := c.Selector + "._domainkey." + c.signs
	wanted := Finding{
		Check: "dkim", State: Failed, Do: "publish the public half of DKIM_KEY_FILE",
		Record: txtRecord(name, "v=DKIM1; k="+kind+"; p="+base64.StdEncoding.EncodeToString(ours)),
	}
	records, err := c.dns.LookupTXT(ctx, name)
	if err != nil && !notThere(err) {
		return dnsAway("dkim", err)
	}
	for _, record := range records {
		t := tags(record)
		p, ok := t["p"]
		if !ok {
			continue
		}
		if p == "" {
			wanted.Said = name + " says that the key was revoked"
			return wanted
		}
		if published := t["k"]; (published == kind || published == "" && kind == "rsa") && sameKey(kind, ours, p) {
			return Finding{Check: "dkim", State: Passed, Said: "the key at " + name + " is ours (" + kind + ")"}
		}
		wanted.Said = "the key at " + name + " is another than DKIM_KEY_FILE's: every signature fails"
	}
	if wanted.Said == "" {
		wanted.Said = "there is no key at " + name
	}
	return wanted
}

// publicKey is the k= and p= of a PEM private key.
func publicKey(text []byte) (kind string, p []byte, err error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return "", nil, errors.New("no PEM key in it")
	}
	private, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		private, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	}
	if err != nil {
		return "", nil, errors.New("neither an RSA nor an Ed25519 key")
	}
	signer, ok := private.(crypto.Signer)
	if !ok {
		return "", nil, errors.New("neither an RSA nor an Ed25519 key")
	}
	switch key := signer.Public().(type) {
	case ed25519.PublicKey:
		return "ed25519", key, nil
	case *rsa.PublicKey:
		p, err = x509.MarshalPKIXPublicKey(key)
		return "rsa", p, err
	default:
		return "", nil, errors.New("neither an RSA nor an Ed25519 key")
	}
}

// sameKey compares a published p= with ours. RSA keys are published as PKIX, by some as PKCS #1.
func sameKey(kind string, ours []byte, published string) bool {
	there, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(published), ""))
	if err != nil {
		return false
	}
	if kind == "rsa" {
		if key, err := x509.ParsePKCS1PublicKey(there); err == nil {
			if there, err = x509.MarshalPKIXPublicKey(key); err != nil {
				return false
			}
		}
	}
	return bytes.Equal(there, ours)
}
