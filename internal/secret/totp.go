package secret

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base32"
	"net/url"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
)

// Period of a time-based code in seconds, and its digits (RFC 6238 with the values every authenticator app knows).
const (
	Period = 30
	Digits = 6
)

// NewTOTP is a fresh secret of 160 bits (RFC 4226 §4).
func NewTOTP() []byte {
	key := make([]byte, 20)
	rand.Read(key) //nolint:errcheck // crypto/rand.Read never fails since Go 1.24
	return key
}

// TOTPText is the secret as people type it, and TOTPURL what the QR code says.
func TOTPText(key []byte) string {
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(key)
}

// TOTPURL is the otpauth address that an authenticator app reads from the QR code.
func TOTPURL(key []byte, issuer, account string) string {
	label := url.PathEscape(issuer + ":" + account)
	query := url.Values{"secret": {TOTPText(key)}, "issuer": {issuer}, "period": {"30"}, "digits": {"6"}, "algorithm": {"SHA1"}}
	return "otpauth://totp/" + label + "?" + strings.ReplaceAll(query.Encode(), "+", "%20")
}

// TOTPStep finds the time step whose code this is: the current one or its neighbours (clocks differ by seconds). Steps up to
// and including last are refused, so that a code works once. ok is false when no step fits.
func TOTPStep(key []byte, code string, now time.Time, last int64) (step int64, ok bool) {
	code = strings.Join(strings.Fields(code), "")
	current := now.Unix() / Period
	for _, s := range []int64{current, current - 1, current + 1} {
		if want := TOTPCode(key, s); subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 {
			return s, s > last
		}
	}
	return 0, false
}

// TOTPCode is the code of one time step.
func TOTPCode(key []byte, step int64) string {
	code, err := hotp.GenerateCodeCustom(TOTPText(key), uint64(step), hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
	if err != nil {
		panic(err) // the secret is our own base32: cannot happen
	}
	return code
}
