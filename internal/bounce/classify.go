package bounce

import (
	"regexp"
	"strings"

	"toasoan/newsroom"
)

// refusals are statuses about the sender or the content that lie among those about the address or the system.
var refusals = map[string]bool{"5.1.7": true, "5.1.8": true, "5.2.3": true, "5.3.4": true}

// classify says what a failure means for the address: it does not exist (5.1.x); it was our mail, our name or a policy (5.6.x, 5.7.x);
// or something else that may pass. Where there is no status that means something, the words decide, in doubt for the address.
func classify(status string, code int, words string) newsroom.BounceKind {
	switch {
	case status == "" || strings.HasSuffix(status, ".0.0"):
		return byWords(code, words)
	case strings.HasPrefix(status, "4."):
		return newsroom.BounceSoft
	case refusals[status], strings.HasPrefix(status, "5.6."), strings.HasPrefix(status, "5.7."):
		return newsroom.BounceRefused
	case strings.HasPrefix(status, "5.1."):
		if aboutSender.MatchString(words) {
			return newsroom.BounceRefused
		}
		return newsroom.BounceHard
	default:
		return newsroom.BounceSoft
	}
}

var (
	aboutSender = regexp.MustCompile(`(?i)\bsender\b|\bmail from\b|\breturn.?path\b`)
	aboutRoom   = regexp.MustCompile(`(?i)quota|mailbox (is )?full|over.?limit|exceeded.*(storage|limit|quota)|insufficient (system )?storage|hộp thư.{0,20}đầy`)
	aboutPolicy = regexp.MustCompile(`(?i)spam|block(ed|list)|black.?list|\bpolicy\b|reputation|\bdmarc\b|\bspf\b|\bdkim\b|\bvirus\b|malware|unsolicited|access denied|not authori[sz]ed|rejected (due to|for|because of) content|message (size|too large)`)
	aboutNobody = regexp.MustCompile(`(?i)(user|mailbox|recipient|account|address|alias)\b[^.;]{0,40}(unknown|not found|(does|did)(n['’]t| not) exist|(is )?no longer (exists?|available|valid|here)|invalid|not known|cannot be found)|unknown (user|recipient|mailbox|local.?part|address|account)|no such (user|recipient|mailbox|person|address|account)|no mailbox (here )?by that name|invalid (recipient|mailbox)|recipientnotfound|không tồn tại`)
)

// byWords judges by a reply code without a status, and what was said with it.
func byWords(code int, words string) newsroom.BounceKind {
	switch {
	case code/100 == 4, code == 552, aboutRoom.MatchString(words):
		return newsroom.BounceSoft
	case aboutSender.MatchString(words), aboutPolicy.MatchString(words):
		return newsroom.BounceRefused
	case aboutNobody.MatchString(words):
		return newsroom.BounceHard
	case code == 554:
		return newsroom.BounceRefused
	default:
		return newsroom.BounceSoft
	}
}
