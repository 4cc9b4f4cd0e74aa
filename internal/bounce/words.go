package bounce

import (
	"regexp"
	"strings"

	"github.com/emersion/go-message/textproto"

	"toasoan/newsroom"
)

var (
	// failSubject is how servers that write for people only call their reports.
	failSubject = regexp.MustCompile(`(?i)undeliver|returned (mail|message|to sender)|delivery (status|fail|report|notif|problem|delay|has failed)|failure notice|fail(ed|ure) (delivery|notif)|mail (delivery|system|failure)|(could|can) ?not (be )?(deliver|sen[dt])|not delivered|delivery.{0,20}delayed|message delayed|không (thể )?(gửi|chuyển) được|thư (bị )?trả lại`)
	// failText is what they write on top.
	failText = regexp.MustCompile(`(?i)qmail-send program|created automatically by mail delivery software|mail delivery (system|subsystem)|could not be delivered|undeliverable|permanent (fatal )?error|wasn['’]t able to deliver|unable to deliver|failed permanently`)
	// backBelow begins the mail that is sent back as text.
	backBelow = regexp.MustCompile(`(?im)^.{0,10}(-{2,}.{0,10}(this is a copy|below this line|original message|message header|returned message|message headers? follow|the header of)|below this line is a copy|original message (headers )?follows|included (below )?is a copy|message header follows).*$`)
	delayText = regexp.MustCompile(`(?i)delayed|warning: |will (continue|keep|be retried|retry)|still being|not yet been delivered|no action is required`)
	endText   = regexp.MustCompile(`(?i)permanent|given up|giving up|will not be retried|has been undeliverable|failed permanently`)
	backID    = regexp.MustCompile(`(?im)^[> \t]*message-id:\s*<?([dl]\.[^\s<>@]+@[^\s<>]+)>?`)
)

// words judges a report that a server wrote for people alone. ok is false where it reads like something else.
func (p *parser) words(header textproto.Header, subject string, fromServer bool) (r Report, ok bool) {
	written := p.text.String()
	if header.Has("X-Autoreply") || header.Has("X-Autorespond") || written == "" {
		return r, false
	}
	said := written
	if at := backBelow.FindStringIndex(written); at != nil {
		said = written[:at[0]]
	}
	if !header.Has("X-Failed-Recipients") && (!fromServer || !failSubject.MatchString(subject)) && !(fromServer && failText.MatchString(said)) {
		return r, false
	}
	p.said.find(written, p.domain)
	for _, m := range backID.FindAllStringSubmatch(written, 3) {
		p.named(m[1])
	}
	reason := said
	for line := range strings.SplitSeq(said, "\n") { // the line that names a reason says more than all of them
		if statusIn(line) != "" || codeIn(line) >= 400 {
			reason = line
			break
		}
	}
	r.Status, r.Code, r.Said = statusIn(reason), codeIn(reason), clean(reason)
	if strings.HasPrefix(r.Status, "2") {
		r.Status = ""
	}
	if delayText.MatchString(subject+" "+said) && !endText.MatchString(said) && !strings.HasPrefix(r.Status, "5") && r.Code/100 != 5 {
		r.Kind = newsroom.BounceDelayed
		return r, true
	}
	words := reason
	if r.Status == "" && r.Code == 0 {
		words = said
	}
	r.Kind = classify(r.Status, r.Code, words)
	return r, true
}
