package reply

import (
	"bytes"
	"slices"
	"strings"

	"github.com/emersion/go-message/textproto"
	"github.com/emersion/go-msgauth/authres"
	"github.com/emersion/go-msgauth/dkim"
	"golang.org/x/net/publicsuffix"
)

// maxSignatures is how many signatures of one mail are verified: each costs a question to the DNS.
const maxSignatures = 5

// signed reports whether the domain of the mail's own From address signed it (DKIM pass, aligned as RFC 7489 relaxed), and whether
// that signature covers To. Either the configured mail server says so in its Authentication-Results, or we verify it ourselves. A
// signature that covers only the beginning of the body (l=) counts for nothing.
func (h *Handler) signed(raw []byte, a answer) (ok, coversTo bool) {
	domain := domainOf(a.from)
	if h.TrustedServer != "" {
		if !h.serverSays(a.header, domain) {
			return false, false
		}
		return vouched(signatures(a.header), domain)
	}
	found, _ := dkim.VerifyWithOptions(bytes.NewReader(raw), &dkim.VerifyOptions{LookupTXT: h.LookupTXT, MaxVerifications: maxSignatures})
	for _, v := range found {
		if v.Err != nil || !aligned(v.Domain, domain) || !covers(v.HeaderKeys, "from") {
			continue
		}
		if !v.Expiration.IsZero() && v.Expiration.Before(h.Now()) {
			continue
		}
		ok, coversTo = true, coversTo || covers(v.HeaderKeys, "to")
	}
	return ok, coversTo
}

// vouched takes the mail server's word that one of the domain's signatures holds. It does not say which, and whoever sends a mail may
// put more of them beside the genuine one: what counts is what all of them promise.
func vouched(all []signature, domain string) (ok, coversTo bool) {
	all = slices.DeleteFunc(all, func(s signature) bool { return !aligned(s["d"], domain) })
	lacks := func(field string) bool {
		return slices.ContainsFunc(all, func(s signature) bool { return !s.covers(field) })
	}
	partly := slices.ContainsFunc(all, func(s signature) bool { _, length := s["l"]; return length })
	if len(all) == 0 || partly || lacks("from") {
		return false, false
	}
	return true, !lacks("to")
}

// serverSays reads the topmost Authentication-Results: the receiving server puts its own above everything that came with the mail,
// and takes forged ones of its name out (RFC 8601 §5).
func (h *Handler) serverSays(header textproto.Header, domain string) bool {
	fields := header.FieldsByKey("Authentication-Results")
	if !fields.Next() {
		return false
	}
	server, results, err := authres.Parse(fields.Value())
	if err != nil || !strings.EqualFold(strings.TrimSpace(server), h.TrustedServer) {
		return false
	}
	return slices.ContainsFunc(results, func(r authres.Result) bool {
		d, ok := r.(*authres.DKIMResult)
		return ok && d.Value == authres.ResultPass && aligned(d.Domain, domain)
	})
}

// signature is the tags of one DKIM-Signature.
type signature map[string]string

func (s signature) covers(field string) bool { return covers(strings.Split(s["h"], ":"), field) }

func covers(fields []string, name string) bool {
	return slices.ContainsFunc(fields, func(f string) bool { return strings.EqualFold(strings.TrimSpace(f), name) })
}

func signatures(header textproto.Header) (list []signature) {
	for fields := header.FieldsByKey("DKIM-Signature"); fields.Next(); {
		s := signature{}
		for tag := range strings.SplitSeq(fields.Value(), ";") {
			name, value, _ := strings.Cut(tag, "=")
			s[strings.ToLower(strings.TrimSpace(name))] = strings.Join(strings.Fields(value), "")
		}
		list = append(list, s)
	}
	return list
}

func domainOf(address string) string {
	return strings.ToLower(address[strings.LastIndexByte(address, '@')+1:])
}

// aligned reports whether two domains belong to the same organisation.
func aligned(signer, from string) bool {
	signer, from = strings.ToLower(strings.TrimSuffix(signer, ".")), strings.TrimSuffix(from, ".")
	if signer == "" || from == "" {
		return false
	}
	if signer == from {
		return true
	}
	a, err := publicsuffix.EffectiveTLDPlusOne(signer)
	if err != nil {
		return false
	}
	b, err := publicsuffix.EffectiveTLDPlusOne(from)
	return err == nil && a == b
}
