package bounce

import (
	"strings"

	"toasoan/newsroom"
)

// delivery judges a delivery report by its groups. Our mails have one recipient each; where an alias made several of it, and some got
// the mail, the address exists.
func (p *parser) delivery() Report {
	var failed, delayed []fields
	arrived := false
	for _, g := range p.groups {
		switch g.action() {
		case "failed":
			failed = append(failed, g)
		case "delayed":
			delayed = append(delayed, g)
		case "delivered", "relayed", "expanded":
			arrived = true
		}
	}
	switch {
	case len(failed) > 0:
		r := failed[0].report()
		for _, g := range failed[1:] {
			if other := g.report(); other.Kind != newsroom.BounceHard {
				r = other
			}
		}
		if arrived && r.Kind == newsroom.BounceHard {
			r.Kind = newsroom.BounceSoft
		}
		return r
	case len(delayed) > 0:
		r := delayed[0].report()
		r.Kind = newsroom.BounceDelayed
		return r
	case arrived:
		return Report{Why: "delivered"}
	}
	return Report{Why: "other"}
}

// action is what a group says was done, or else what its status says.
func (f fields) action() string {
	action, _, _ := strings.Cut(strings.ToLower(f["action"]), " ")
	status := statusIn(f["status"])
	switch action {
	case "failed":
		if strings.HasPrefix(status, "2") {
			return "delivered"
		}
		return action
	case "delayed", "delivered", "relayed", "expanded":
		return action
	}
	words := f.typed("diagnostic-code")
	if status == "" {
		status = statusIn(words)
	}
	switch {
	case strings.HasPrefix(status, "5"), status == "" && codeIn(words)/100 == 5:
		return "failed"
	case strings.HasPrefix(status, "4"), status == "" && codeIn(words)/100 == 4:
		return "delayed"
	case strings.HasPrefix(status, "2"):
		return "delivered"
	}
	return ""
}

// report is what a group says of its recipient. The words of the server that refused are nearer to the truth than the status that the
// reporting one made of them, where both mean the same class.
func (f fields) report() Report {
	words := f.typed("diagnostic-code")
	status := statusIn(f["status"])
	if said := statusIn(words); said != "" && !strings.HasSuffix(said, ".0.0") && (status == "" || said[0] == status[0]) {
		status = said
	}
	r := Report{}
	r.Status, r.Code, r.Said, r.Recipient = status, codeIn(words), clean(words), f.address()
	r.Kind = classify(status, r.Code, words)
	return r
}

// complaint judges a feedback report by its type (RFC 5965 §7.3, RFC 6650).
func (p *parser) complaint() Report {
	r := Report{}
	r.Said = clean(strings.TrimSpace(p.feedback["feedback-type"] + " " + p.feedback["user-agent"]))
	switch kind, _, _ := strings.Cut(strings.ToLower(p.feedback["feedback-type"]), " "); kind {
	case "abuse", "fraud", "virus", "other":
		r.Kind = newsroom.BounceComplaint
	case "opt-out", "opt-out-list":
		r.Kind = newsroom.BounceLeave
	case "not-spam":
		r.Why = "not_spam"
	default: // auth-failure (RFC 6591) and whatever comes
		r.Why = "other"
	}
	return r
}
