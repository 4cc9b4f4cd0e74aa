package reply

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"toasoan/internal/inbox"
	"toasoan/newsroom"
)

func TestAnswerDecides(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	a := d.sent()
	if got := d.got(d.raw(a.answer("DUYỆT"))); got != "decided" {
		t.Fatalf("noted as %q", got)
	}
	if d.stage(a.id) != newsroom.StageReleased {
		t.Fatalf("the article is %s", d.stage(a.id))
	}
	if got := d.scalar(`SELECT door || ' ' || move || ' ' || (user_id = $2) FROM decisions WHERE article_id = $1`, a.id, d.leader.ID); got != "reply approve true" {
		t.Errorf("on record: %s", got)
	}
	receipt := d.scalar(`SELECT id FROM letters WHERE kind = 'decision_receipt' AND article_id = $1`, a.id)
	v, err := d.LetterView(t.Context(), receipt)
	if err != nil || v.NotMeLink == "" || !strings.Contains(v.Link, "/duyet/") {
		t.Errorf("the confirmation offers no way back: %+v, %v", v, err)
	}
	back := d.sent()
	if got := d.got(d.raw(back.answer("Trả lại: Thiếu số liệu năm 2025.\nBổ sung nguồn.\n\nTrân trọng"))); got != "decided" {
		t.Fatalf("noted as %q", got)
	}
	if got := d.scalar(`SELECT move || '|' || reason_code || '|' || reason FROM decisions WHERE article_id = $1`, back.id); got != "request_changes|other|Thiếu số liệu năm 2025.\nBổ sung nguồn." {
		t.Errorf("on record: %q", got)
	}
}

func TestFirstLines(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"DUYỆT": "approve", "duyệt": "approve", "Duyet": "approve", "DUYET.": "approve", "  Duyệt !": "approve", "*DUYỆT*": "approve", "duye\u0323\u0302t": "approve",
		"TRẢ LẠI: thiếu nguồn": "request_changes", "tra lai - thieu nguon": "request_changes", "Trả lại – sai số liệu": "request_changes", "TRA LAI：sai": "request_changes",
		"TRẢ LẠI": "reason", "Trả lại: ": "reason", "tra lai: ...": "reason",
		"DUYỆT nhưng sửa tiêu đề": "unclear", "Không duyệt": "unclear", "Đã duyệt": "unclear", "ok": "unclear", "": "unclear", "Duyệt trả lại": "unclear", "tôi trả lại: x": "unclear",
	} {
		move, reason, why := decision([]string{line})
		if got := string(move) + why; got != want {
			t.Errorf("%q means %s %q, want %s", line, got, reason, want)
		}
	}
	if _, reason, _ := decision([]string{"TRẢ LẠI:", "Dòng một.", "Dòng hai.", "", "Chữ ký"}); reason != "Dòng một.\nDòng hai." {
		t.Errorf("reason %q", reason)
	}
	if _, reason, _ := decision([]string{"TRẢ LẠI: " + strings.Repeat("ả", 5000)}); len([]rune(reason)) != maxReason {
		t.Errorf("reason of %d characters", len([]rune(reason)))
	}
}

func TestHTMLAnswer(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	a := d.sent()
	m := a.answer("")
	m.html = true
	m.text = `<html><head><style>p{}</style><title>DUYỆT</title></head><body><div dir="ltr"><b>Duyệt</b></div>`
	m.quote = `<div class="gmail_quote"><blockquote>TRẢ LẠI: x <a href="https://nam02.safelinks.example/?url=` + strings.ReplaceAll(a.link, "/", "%2F") + `">xem</a></blockquote></div></body></html>`
	if got := d.got(d.raw(m)); got != "decided" || d.stage(a.id) != newsroom.StageReleased {
		t.Errorf("noted as %q, article %s", got, d.stage(a.id))
	}
}

// What is not the leader's own, signed answer to our mail decides nothing.
func TestForgedAnswersDecideNothing(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	a := d.sent()
	other := d.sent()
	cases := map[string]struct {
		bend func(*note)
		raw  func([]byte) []byte
		want string
	}{
		"unsigned":             {bend: func(m *note) { m.signer = "" }, want: "unsigned"},
		"signed by another":    {bend: func(m *note) { m.signer = "evil.example" }, want: "unsigned"},
		"from is not signed":   {bend: func(m *note) {}, raw: func(raw []byte) []byte { return swapFrom(raw) }, want: "unsigned"},
		"body changed":         {bend: func(*note) {}, raw: func(raw []byte) []byte { return changeBody(raw) }, want: "unsigned"},
		"another person's":     {bend: func(m *note) { m.from = "second@vankhe.example" }, want: "other_sender"},
		"a stranger's":         {bend: func(m *note) { m.from, m.signer = "x@evil.example", "evil.example" }, want: "other_sender"},
		"looks like it":        {bend: func(m *note) { m.from = `"leader@vankhe.example" <x@evil.example>`; m.signer = "evil.example" }, want: "other_sender"},
		"two senders":          {bend: func(m *note) { m.extra = "From: x@evil.example\n" }, want: ""},
		"two addresses":        {bend: func(m *note) { m.from = "leader@vankhe.example, x@evil.example" }, want: ""},
		"to nothing of ours":   {bend: func(m *note) { m.refs = "<l.aaaaaaaaaaaaaaaaaaaaaaaaaa@vankhe.example>" }, want: ""},
		"to no mail":           {bend: func(m *note) { m.refs = "<x@y>" }, want: ""},
		"without the original": {bend: func(m *note) { m.quote = "" }, want: "no_original"},
		"another question's original": {bend: func(m *note) {
			m.quote = strings.ReplaceAll(m.quote, a.link, other.link)
		}, want: "no_original"},
		"decision in the quote": {bend: func(m *note) { m.text = "Cảm ơn.\n"; m.quote += "> DUYỆT\n" }, want: "unclear"},
		"nothing but the quote": {bend: func(m *note) { m.text = ""; m.quote = "> DUYỆT\n> " + a.link + "\n" }, want: "unclear"},
		"out of office":         {bend: func(m *note) { m.extra = "Auto-Submitted: auto-replied\n" }, want: ""},
		"vacation":              {bend: func(m *note) { m.extra = "X-Autoreply: yes\n" }, want: ""},
		"old auto-reply":        {bend: func(m *note) { m.extra = "Precedence: bulk\n" }, want: ""},
		"a list":                {bend: func(m *note) { m.extra = "List-Id: <x.example>\n" }, want: ""},
		"our own letter":        {bend: func(m *note) { m.extra = "Auto-Submitted: auto-generated\n" }, want: ""},
		"a bounce":              {bend: func(m *note) { m.from = "MAILER-DAEMON@vankhe.example" }, want: ""},
	}
	for name, c := range cases {
		m := a.answer("DUYỆT")
		c.bend(&m)
		raw := d.raw(m)
		if c.raw != nil {
			raw = c.raw(raw)
		}
		if got := d.got(raw); got != c.want {
			t.Errorf("%s: noted as %q, want %q", name, got, c.want)
		}
		if got := d.scalar(`SELECT count(*) FROM decisions`); got != "0" {
			t.Fatalf("%s decided", name)
		}
	}
	if got := d.scalar(`SELECT count(*) FROM alerts WHERE code = 'reply_unsigned'`); got != "1" {
		t.Errorf("%s alerts about missing signatures", got)
	}
	if got := d.scalar(`SELECT count(*) FROM letters WHERE kind = 'reply_refused'`); got != "5" && got != "4" {
		t.Errorf("%s letters about refused answers: they do not end", got)
	}
	if got := d.scalar(`SELECT count(*) FROM letters WHERE kind = 'reply_refused' AND user_id <> $1`, d.leader.ID); got != "0" {
		t.Errorf("%s letters to others", got)
	}
}

func swapFrom(raw []byte) []byte {
	return bytes.Replace(raw, []byte("From: =?utf-8?B?"), []byte("From: =?UTF-8?B?"), 1) // another spelling: no longer what was signed
}

func changeBody(raw []byte) []byte {
	i := bytes.LastIndex(raw, []byte("\r\n\r\n")) + 6
	raw = bytes.Clone(raw)
	raw[i] ^= 2
	return raw
}

func TestAlignedSignatureOfASubdomain(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	a := d.sent()
	m := a.answer("DUYỆT")
	m.signer = "mail.vankhe.example"
	if got := d.got(d.raw(m)); got != "decided" {
		t.Errorf("noted as %q", got)
	}
	for pair, want := range map[[2]string]bool{
		{"vankhe.gov.vn", "vankhe.gov.vn"}: true, {"mail.vankhe.gov.vn", "vankhe.gov.vn"}: true, {"gov.vn", "vankhe.gov.vn"}: false,
		{"khac.gov.vn", "vankhe.gov.vn"}: false, {"vn", "vankhe.gov.vn"}: false, {"", ""}: false, {"evil-vankhe.example", "vankhe.example"}: false,
	} {
		if got := aligned(pair[0], pair[1]); got != want {
			t.Errorf("%v aligned: %v", pair, got)
		}
	}
}

// The tag of the reply address stands in for the quoted original, where the signature covers whom the mail is to.
func TestTagInsteadOfTheOriginal(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	a := d.sent()
	if len(a.tag) < 20 {
		t.Fatalf("tag %q", a.tag)
	}
	m := a.answer("DUYỆT")
	m.quote, m.to, m.leave = "", "toasoan+"+a.tag+"@vankhe.example", "To"
	if got := d.got(d.raw(m)); got != "no_original" {
		t.Errorf("an unsigned To: %q", got)
	}
	m.leave, m.id = "", "other@phone"
	if got := d.got(d.raw(m)); got != "decided" {
		t.Errorf("a signed To: %q", got)
	}
}

func TestTrustedServerSaysWhoSigned(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.handler.TrustedServer = "mx.vankhe.example"
	d.handler.LookupTXT = func(string) ([]string, error) { return nil, errors.New("DNS is not to be asked") }
	a := d.sent()
	try := func(results string, bend func(*note)) string {
		t.Helper()
		m := a.answer("DUYỆT")
		if bend != nil {
			bend(&m)
		}
		return d.got(append([]byte(results), d.raw(m)...))
	}
	pass := "Authentication-Results: mx.vankhe.example; dkim=pass header.d=vankhe.example\r\n"
	for name, results := range map[string]string{
		"none":              "",
		"of another server": "Authentication-Results: mx.evil.example; dkim=pass header.d=vankhe.example\r\n",
		"forged below":      "Authentication-Results: mx.evil.example; dkim=none\r\n" + pass,
		"fail":              "Authentication-Results: mx.vankhe.example; dkim=fail header.d=vankhe.example\r\n",
		"another domain's":  "Authentication-Results: mx.vankhe.example; dkim=pass header.d=evil.example\r\n",
		"spf alone":         "Authentication-Results: mx.vankhe.example; spf=pass smtp.mailfrom=vankhe.example\r\n",
		"cannot be read":    "Authentication-Results: ;;;\r\n",
		"fail above a pass": "Authentication-Results: mx.vankhe.example; dkim=fail header.d=vankhe.example\r\n" + pass,
	} {
		if got := try(results, nil); got != "unsigned" {
			t.Errorf("%s: %q", name, got)
		}
	}
	if got := try(pass, func(m *note) { m.signer = "" }); got != "unsigned" {
		t.Errorf("a pass without any signature: %q", got)
	}
	// The server's word does not say which signature it holds for: a stranger's beside the genuine one must not speak for it.
	beside := pass + "DKIM-Signature: v=1; a=rsa-sha256; d=vankhe.example; s=x; "
	for name, extra := range map[string]string{
		"one over a part of the body": "h=From:To:Subject; l=0; bh=; b=\r\n",
		"one that leaves From out":    "h=To:Subject; bh=; b=\r\n",
	} {
		if got := try(beside+extra, nil); got != "unsigned" {
			t.Errorf("%s: %q", name, got)
		}
	}
	byTag := func(m *note) { m.quote, m.to = "", "toasoan+"+a.tag+"@vankhe.example" }
	if got := try(beside+"h=From:Subject; bh=; b=\r\n", byTag); got != "no_original" {
		t.Errorf("one of two leaves To out: %q", got)
	}
	if got := try(pass+"DKIM-Signature: v=1; d=evil.example; s=x; h=Subject; l=0; bh=; b=\r\n", nil); got != "decided" {
		t.Errorf("a pass, and another domain's signature: %q", got)
	}
}

func TestAnswersThatCannotBeCarriedOutAreTold(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	why := func() string {
		return d.scalar(`SELECT data->>'why' FROM letters WHERE kind = 'reply_refused' ORDER BY created_at DESC, ctid DESC LIMIT 1`)
	}
	a := d.sent()
	if got := d.got(d.raw(a.answer("ok em"))); got != "unclear" || why() != "unclear" {
		t.Errorf("unclear: %q, told %q", got, why())
	}
	if got := d.got(d.raw(a.answer("TRẢ LẠI"))); got != "unclear" || why() != "reason" {
		t.Errorf("no reason: %q, told %q", got, why())
	}
	letter := d.scalar(`SELECT id FROM letters WHERE kind = 'reply_refused' LIMIT 1`)
	if v, err := d.LetterView(t.Context(), letter); err != nil || v.Link != a.link || v.ToEmail != d.leader.Email {
		t.Errorf("the letter: %+v, %v", v, err)
	}
	if len(d.moves.posted) != 2 {
		t.Errorf("mailed at once: %v", d.moves.posted)
	}
	// Decided elsewhere in the meantime.
	hash := d.scalar(`SELECT hash FROM revisions WHERE article_id = $1 AND n = 1`, a.id)
	d.move(d.leader, a.id, newsroom.MoveApprove, hash)
	if got := d.got(d.raw(a.answer("TRẢ LẠI: muộn"))); got != "closed" || why() != "closed" {
		t.Errorf("decided already: %q, told %q", got, why())
	}
	// The policy of the round does not allow it, or wants a code.
	for _, bend := range []func(*newsroom.Policy){func(*newsroom.Policy) {}, func(p *newsroom.Policy) { p.DecideByReply, p.DecideTOTP = true, true }} {
		d.policy(bend)
		b := d.sent()
		if b.tag != "" {
			t.Errorf("the mail says that an answer decides")
		}
		if got := d.got(d.raw(b.answer("DUYỆT"))); got != "not_allowed" || why() != "policy" || d.stage(b.id) != newsroom.StageAwaitingApproval {
			t.Errorf("policy: %q, told %q", got, why())
		}
	}
}

// A signed answer cannot be used twice: not the same mail, not under another id, not for another question, not after an undo.
func TestReplayedAnswers(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.policy(func(p *newsroom.Policy) { p.DecideByReply, p.CoolingOffMinutes = true, 60 })
	a, other := d.sent(), d.sent()
	m := a.answer("DUYỆT")
	raw := d.raw(m)
	if got := d.got(raw); got != "decided" {
		t.Fatalf("noted as %q", got)
	}
	for range 3 {
		if got, err := d.handler.Handle(t.Context(), inbox.Mail{Raw: raw}); got != inbox.Keep || err != nil {
			t.Errorf("the same mail again: %v, %v", got, err)
		}
	}
	renamed := bytes.Replace(raw, []byte("Message-ID: <"), []byte("Message-ID: <again-"), 1)
	if got := d.got(renamed); got != "closed" {
		t.Errorf("under another id: %q", got)
	}
	elsewhere := bytes.ReplaceAll(bytes.Replace(raw, []byte("Message-ID: <"), []byte("Message-ID: <third-"), 1), []byte(a.local), []byte(other.local))
	if got := d.got(elsewhere); got != "no_original" || d.stage(other.id) != newsroom.StageAwaitingApproval {
		t.Errorf("for another question: %q, %s", got, d.stage(other.id))
	}
	d.move(d.leader, a.id, newsroom.MoveUndo, "")
	again := d.mailed(a.id)
	undone := bytes.ReplaceAll(bytes.Replace(raw, []byte("Message-ID: <"), []byte("Message-ID: <fourth-"), 1), []byte(a.local), []byte(again.local))
	if got := d.got(undone); got != "no_original" || d.stage(a.id) != newsroom.StageAwaitingApproval {
		t.Errorf("after an undo: %q, %s", got, d.stage(a.id))
	}
	if got := d.scalar(`SELECT count(*) FROM decisions`); got != "1" {
		t.Errorf("%s decisions", got)
	}
}

// The program dies between the move and its note: the next reading finds its own decision and tells nobody of a refusal.
func TestDeathBetweenMoveAndNote(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	a := d.sent()
	raw := d.raw(a.answer("DUYỆT"))
	d.moves.die = errors.New("killed")
	if _, err := d.handler.Handle(t.Context(), inbox.Mail{Raw: raw}); err == nil {
		t.Fatal("no error")
	}
	d.moves.die = nil
	if got := d.got(raw); got != "decided" {
		t.Errorf("noted as %q", got)
	}
	if got := d.scalar(`SELECT count(*) FROM decisions`); got != "1" {
		t.Errorf("%s decisions", got)
	}
	if got := d.scalar(`SELECT count(*) FROM letters WHERE kind = 'reply_refused'`); got != "0" {
		t.Errorf("%s refusals told", got)
	}
}

func TestAnswerWhileTheWorkflowsAreAway(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	a := d.sent()
	raw := d.raw(a.answer("DUYỆT"))
	d.moves.away = true
	if _, err := d.handler.Handle(t.Context(), inbox.Mail{Raw: raw}); !errors.Is(err, errLater) {
		t.Fatalf("while away: %v", err)
	}
	d.moves.away = false
	if got := d.got(raw); got != "decided" || d.stage(a.id) != newsroom.StageReleased {
		t.Errorf("afterwards: %q, %s", got, d.stage(a.id))
	}
}

func TestSupersededQuestionIsNotAnswered(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	a := d.sent()
	raw := d.raw(a.answer("DUYỆT"))
	draft, err := d.Draft(t.Context(), a.id)
	d.no(err)
	draft.Content.Lead = "Sapo đã sửa."
	_, err = d.SaveDraft(t.Context(), a.id, d.reviewer, draft.Article.Version, draft.Content)
	d.no(err)
	d.mu.Lock()
	d.at = d.at.Add(time.Minute)
	d.mu.Unlock()
	d.move(d.reviewer, a.id, newsroom.MoveResubmit, "")
	if got := d.got(raw); got != "closed" || d.stage(a.id) != newsroom.StageAwaitingApproval {
		t.Errorf("an answer to the old text: %q, %s", got, d.stage(a.id))
	}
	if got := d.got(d.raw(d.mailed(a.id).answer("DUYỆT"))); got != "decided" {
		t.Errorf("an answer to the new text: %q", got)
	}
}

func TestMailsThatCannotBeRead(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	for name, raw := range map[string][]byte{
		"empty": nil, "no header": []byte("DUYỆT"), "nul": {0, 0, 0}, "huge": bytes.Repeat([]byte("a"), inbox.MaxMail+1),
		"no body":  []byte("From: leader@vankhe.example\r\nIn-Reply-To: <l.x@y>\r\n\r\n"),
		"half":     []byte("From: leader@vankhe.example\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n"),
		"bad type": []byte("From: leader@vankhe.example\r\nContent-Type: ;;;\r\nContent-Transfer-Encoding: nonsense\r\nIn-Reply-To: <l.x@y>\r\n\r\nDUYỆT"),
	} {
		if got, err := d.handler.Handle(t.Context(), inbox.Mail{Raw: raw}); got != inbox.Pass || err != nil {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte("From: a@b.vn\r\nIn-Reply-To: <l.x@y>\r\nContent-Type: text/html\r\n\r\n<p>DUYỆT</p><blockquote>x"))
	f.Add([]byte("From: a@b.vn\r\nContent-Type: multipart/alternative; boundary=q\r\n\r\n--q\r\n\r\nTRẢ LẠI: x\r\n--q--\r\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		a, err := read(raw)
		if err != nil {
			return
		}
		move, reason, why := decision(a.lines)
		if (move == "") == (why == "") || (move == newsroom.MoveRequestChanges) != (reason != "") {
			t.Errorf("%q: %s %q %s", raw, move, reason, why)
		}
	})
}
