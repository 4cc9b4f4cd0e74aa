package web

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"toasoan/newsroom"
)

// Mail scanners, previews and prefetchers read links over and over: nothing may come of it (mail.md (d) 10).
func TestLinksReadManyTimesChangeNothing(t *testing.T) {
	t.Parallel()
	d := newLinkDesk(t)
	done, open := d.sent(ruralStory()), d.sent(ruralStory())
	trusting := d.phone()
	trusting.decide(d.link(done, d.leader), "approve", "pin", leaderPIN, "trust", "1").shows(200, "đã phê duyệt")
	paths := []string{d.link(open, d.leader), d.link(done, d.leader), d.notMeLink(d.leader), "/duyet/khong-co", "/khong-phai-toi/khong-co"}
	d.clock.forward(time.Hour)
	before := d.dump()
	for range 40 {
		for _, path := range paths {
			for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodOptions} {
				trusting.send(method, path+"?lang=vi", nil)
				d.phone().send(method, path, nil, "User-Agent", "Mozilla/5.0 (compatible; SafeLinks-Scanner)")
			}
		}
	}
	d.unchanged(before)
	if d.stage(open) != newsroom.StageAwaitingApproval {
		t.Errorf("the article is %s", d.stage(open))
	}
	if log := d.log.String(); !strings.Contains(log, "scanner=true") || !strings.Contains(log, "scanner=false") {
		t.Error("openings are not told apart in the log")
	}
}

// What is approved is what is read: text, pictures, captions, credits, files and tags of the mailed page are those of the public one.
func TestPageShowsTheArticleAsReadersWillSeeIt(t *testing.T) {
	t.Parallel()
	d := newLinkDesk(t)
	picture, file := strings.Repeat("ab", 32), strings.Repeat("cd", 32)
	if err := d.SavePicture(t.Context(), newsroom.Media{SHA: picture, Name: "le-ky.jpg", MIME: "image/jpeg", Width: 640, Height: 480, Size: 9},
		[]newsroom.MediaVariant{{Width: 640, Ext: "jpg", MIME: "image/jpeg", Bytes: []byte("JPEG")}}); err != nil {
		t.Fatal(err)
	}
	if err := d.SaveFile(t.Context(), newsroom.Media{SHA: file, Name: "ke-hoach.pdf", MIME: "application/pdf", Size: 4}, []byte("%PDF")); err != nil {
		t.Fatal(err)
	}
	c := ruralStory()
	c.Pictures = []newsroom.Picture{{SHA: picture, Alt: "Lễ ký", Caption: "Bảy đơn vị ký kết", Credit: "Hoàng Nam"}}
	c.Attachments = []newsroom.Attachment{{SHA: file, Name: "ke-hoach.pdf", Number: "12/KH-UBND", Summary: "Kế hoạch phối hợp"}}
	c.Credits = []newsroom.Credit{{Kind: "photo", Name: "Hoàng Nam"}}
	c.Source = newsroom.Source{Name: "Báo Hà Sơn"}
	c.Tags, c.Topics = []string{"nông thôn mới", "ký kết"}, []string{"Nông thôn mới nâng cao"}
	id := d.sent(c)
	clock := regexp.MustCompile(`(?s)<p class="article-meta">.*?</p>`)
	article := func(page string) string {
		t.Helper()
		page = clock.ReplaceAllString(page, "") // the hour of the release is not known yet
		var parts []string
		for _, part := range [][2]string{{`<h1 class="article-title"`, "</h1>"}, {`<p class="lead"`, "</p>"}, {`<div class="prose"`, `<p class="article-report`}} {
			from := strings.Index(page, part[0])
			if from < 0 {
				t.Fatalf("no %s:\n%s", part[0], mainOf(page))
			}
			end := strings.Index(page[from:], part[1])
			if end < 0 {
				end = strings.Index(page[from:], "</article>")
			}
			parts = append(parts, strings.TrimSpace(page[from:from+end]))
		}
		return strings.Join(parts, "\n")
	}
	p := d.phone().open(d.link(id, d.leader))
	asked := article(p.page)
	for _, part := range []string{"Bảy đơn vị ký kết", "12/KH-UBND", "Báo Hà Sơn", "Nông thôn mới nâng cao", "Hoàng Nam"} {
		if !strings.Contains(asked, part) {
			t.Errorf("the mailed page does not show %q", part)
		}
	}
	p.decide(d.link(id, d.leader), "approve", "pin", leaderPIN).shows(200, "đăng lúc")
	a, err := d.Article(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if read := article(d.phone().open(newsroom.ArticlePath(a.Slug, id)).page); !slices.Equal(strings.Fields(read), strings.Fields(asked)) {
		t.Errorf("readers see\n%s\nthe leader saw\n%s", read, asked)
	}
	d.phone().open("/anh/"+picture+"-640.jpg").shows(200, "JPEG")
}

func TestTwoTapsDecide(t *testing.T) {
	t.Parallel()
	d := newLinkDesk(t)
	first, next := d.sent(ruralStory()), d.sent(ruralStory())
	p := d.phone()
	p.open(d.link(first, d.leader)).shows(200, "Xã Vân Khê ký kết", "Đã kiểm tra số liệu", "Phạm Thị Lan", "Hạn xử lý", `autocomplete="off"`)
	p.decide(d.link(first, d.leader), "approve", "pin", leaderPIN, "trust", "1").
		shows(200, "Đồng chí Trần Văn Minh đã phê duyệt lúc 15:3", ", đăng lúc 15:3", "Rút bài đã đăng")
	if d.stage(first) != newsroom.StageReleased {
		t.Fatalf("the article is %s", d.stage(first))
	}
	// The second time the phone is trusted: no PIN, and the page does not ask for it.
	p.open(d.link(next, d.leader))
	if strings.Contains(p.page, `name="pin"`) {
		t.Error("a trusted phone is asked for the PIN")
	}
	p.decide(d.link(next, d.leader), "reject", "reason_code", "duplicate", "reason", "Trùng với tin hôm qua.").
		shows(200, "đã từ chối", "Trùng với tin hôm qua.")
	if got := d.scalar(`SELECT door || ' ' || move || ' ' || reason FROM decisions WHERE article_id = $1`, next); got != "link reject Trùng với tin hôm qua." {
		t.Errorf("on record: %s", got)
	}
	if got := d.scalar(`SELECT used_at FROM devices WHERE user_id = $1`, d.leader.ID); got == "" {
		t.Error("the use of the trusted phone is not noted")
	}
	for _, c := range p.client.Jar.Cookies(&url.URL{Scheme: "http", Host: strings.TrimPrefix(d.url, "http://"), Path: "/desk"}) {
		t.Errorf("cookie %s is sent beyond the link pages", c.Name)
	}
}

func TestTrustedPhoneIsTheLeadersOwn(t *testing.T) {
	t.Parallel()
	d := newLinkDesk(t)
	d.policy(func(p *newsroom.Policy) {
		p.Steps = []newsroom.Step{{Office: "ban-bien-tap", Quorum: newsroom.QuorumAny}, {Office: "chu-tich", Quorum: newsroom.QuorumAny}}
	})
	id := d.sent(ruralStory())
	p := d.phone()
	p.decide(d.link(id, d.leader), "approve", "pin", leaderPIN, "trust", "1").shows(200, "đã phê duyệt")
	// The same phone opens the other leader's forwarded mail: it may read, not act.
	p.decide(d.link(id, d.second), "approve").shows(422, "Vui lòng nhập mã PIN")
	p.decide(d.link(id, d.second), "approve", "pin", leaderPIN).shows(403, "Mã PIN chưa đúng. Còn 4 lần")
	if d.stage(id) != newsroom.StageAwaitingApproval {
		t.Fatalf("another leader's phone or PIN decided: %s", d.stage(id))
	}
	// Revoked, it is an ordinary phone again.
	other := d.sent(ruralStory())
	if err := d.RevokeDevice(t.Context(), d.leader.ID, d.scalar(`SELECT id FROM devices WHERE user_id = $1`, d.leader.ID)); err != nil {
		t.Fatal(err)
	}
	p.decide(d.link(other, d.leader), "approve").shows(422, "Vui lòng nhập mã PIN")
	p.decide(d.link(other, d.leader), "approve", "pin", leaderPIN, "trust", "1").shows(200, "đã phê duyệt")
	// Trust ends by itself.
	third := d.sent(ruralStory())
	d.clock.forward(31 * 24 * time.Hour)
	p.decide(d.link(third, d.leader), "approve").shows(422, "Vui lòng nhập mã PIN")
}

func TestExpiredPageKeepsWhatWasTyped(t *testing.T) {
	t.Parallel()
	d := newLinkDesk(t)
	id := d.sent(ruralStory())
	path := d.link(id, d.leader)
	p := d.phone().open(path)
	form := p.form("move", "request_changes", "reason_code", "quality", "reason", "Bổ sung số liệu thu gom rác.", "pin", leaderPIN)
	d.clock.forward(16 * time.Minute)
	before := d.dump()
	p.post(path, form).shows(409, "quá 15 phút", "Bổ sung số liệu thu gom rác.", `value="request_changes" checked`, `value="quality" selected`)
	if strings.Contains(p.page, leaderPIN) {
		t.Error("the PIN stands in the page")
	}
	d.unchanged(before)
	form.Set("nonce", p.form().Get("nonce"))
	p.post(path, form).shows(200, "đã yêu cầu chỉnh sửa")
	if d.stage(id) != newsroom.StageChangesRequested {
		t.Errorf("the article is %s", d.stage(id))
	}
}

func TestPageShownInAnotherBrowserIsNotSent(t *testing.T) {
	t.Parallel()
	d := newLinkDesk(t)
	id := d.sent(ruralStory())
	path := d.link(id, d.leader)
	form := d.phone().open(path).form("move", "approve", "pin", leaderPIN)
	d.phone().post(path, form).shows(409, "trình duyệt khác")
	forged := d.phone().open(path)
	for _, nonce := range []string{"", "x", "0.x", strings.Repeat("9", 30) + ".x", "-1." + strings.SplitN(form.Get("nonce"), ".", 2)[1]} {
		form.Set("nonce", nonce)
		forged.post(path, form).shows(409)
	}
	if d.stage(id) != newsroom.StageAwaitingApproval {
		t.Errorf("the article is %s", d.stage(id))
	}
}

func TestFiveWrongPINsLockTheLinkOnThisBrowserOnly(t *testing.T) {
	t.Parallel()
	d := newLinkDesk(t)
	id, other := d.sent(ruralStory()), d.sent(ruralStory())
	path := d.link(id, d.leader)
	stranger, own := d.phone(), d.phone()
	for i := range 4 {
		stranger.decide(path, "approve", "pin", "000001").shows(403, fmt.Sprintf("Còn %d lần", 4-i))
	}
	stranger.decide(path, "approve", "pin", "000001").shows(403, "khóa trên máy này")
	stranger.decide(path, "approve", "pin", leaderPIN).shows(403, "khóa trên máy này")
	for _, table := range []string{"decisions", "move_requests WHERE settled_at IS NULL"} {
		if got := d.scalar(`SELECT count(*) FROM ` + table); got != "0" {
			t.Errorf("%s rows in %s", got, table)
		}
	}
	if got := d.scalar(`SELECT string_agg(u.email, ' ' ORDER BY u.email) FROM letters l JOIN users u ON u.id = l.user_id WHERE kind = 'pin_locked'`); got != "admin@vankhe.example chu-tich@vankhe.example pho-chu-tich@vankhe.example" {
		t.Errorf("told: %s", got)
	}
	if got := d.scalar(`SELECT count(*) FROM alerts WHERE code = 'pin_locked'`); got != "1" {
		t.Errorf("%s alerts", got)
	}
	if len(d.moves.posted) != 3 {
		t.Errorf("mailed at once: %v", d.moves.posted)
	}
	stranger.decide(d.link(other, d.leader), "approve", "pin", leaderPIN).shows(200, "đã phê duyệt") // another link
	own.decide(path, "approve", "pin", leaderPIN).shows(200, "đã phê duyệt")                         // another browser
}

func TestWrongPINsFromNewBrowsersKillTheLink(t *testing.T) {
	t.Parallel()
	d := newLinkDesk(t)
	id := d.sent(ruralStory())
	path := d.link(id, d.leader)
	for i := range 20 {
		d.clock.forward(3 * time.Second) // the limiter of strangers is not what is tested here
		d.phone().decide(path, "approve", "pin", fmt.Sprintf("1%05d", i))
	}
	d.phone().open(path).shows(200, "đã bị khóa")
	d.phone().decide(path, "approve", "pin", leaderPIN).shows(200, "đã bị khóa")
	if d.stage(id) != newsroom.StageAwaitingApproval {
		t.Fatalf("the article is %s", d.stage(id))
	}
	fresh := d.link(id, d.leader)
	if fresh == path {
		t.Fatal("no new link was mailed")
	}
	d.phone().decide(fresh, "approve", "pin", leaderPIN).shows(200, "đã phê duyệt")
}

func TestReplayShowsWhoDecidedAndChangesNothing(t *testing.T) {
	t.Parallel()
	d := newLinkDesk(t)
	id := d.sent(ruralStory())
	path := d.link(id, d.leader)
	p := d.phone().open(path)
	form := p.form("move", "approve", "pin", leaderPIN)
	p.post(path, form).shows(200, "Đồng chí Trần Văn Minh đã phê duyệt lúc 15:3", ", đăng lúc 15:3")
	before := d.dump()
	for range 5 {
		p.post(path, form).shows(200, "Đồng chí Trần Văn Minh đã phê duyệt lúc 15:3", ", đăng lúc 15:3")
		form.Set("move", "reject")
		d.phone().open(path).shows(200, "đã phê duyệt")
	}
	stranger := d.phone().open(path)
	stranger.post(path, stranger.form("move", "approve", "pin", leaderPIN)).shows(200, "đã phê duyệt")
	d.unchanged(before)
}

// The same link tells, from the decision on, who decided and when, and when readers saw it; whoever else was asked reads the same.
func TestOutcomeIsToldAtTheSameLink(t *testing.T) {
	t.Parallel()
	d := newLinkDesk(t)
	if err := d.Seat(t.Context(), d.admin, "ban-bien-tap", d.second.ID, false); err != nil {
		t.Fatal(err)
	}
	d.policy(func(p *newsroom.Policy) { p.CoolingOffMinutes = 1 })
	d.clock.forward(time.Date(2026, 10, 5, 9, 12, 0, 0, newsroom.Zone).Sub(d.clock.now()))
	id := d.sent(ruralStory()) // two minutes pass
	d.phone().decide(d.link(id, d.leader), "approve", "pin", leaderPIN).
		shows(200, "Đồng chí Trần Văn Minh đã phê duyệt lúc 09:14</h1>", "Ngày 05/10/2026", "Bài sẽ được đăng lúc 09 giờ 15")
	d.clock.forward(time.Minute)
	if _, err := d.SettleDue(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	for _, who := range []newsroom.Person{d.leader, d.second} {
		d.phone().open(d.link(id, who)).shows(200, "Đồng chí Trần Văn Minh đã phê duyệt lúc 09:14, đăng lúc 09:15</h1>")
		d.phone().open(d.link(id, who)+"?lang=en").shows(200, "Trần Văn Minh approved at 09:14, published at 09:15</h1>")
	}
	// Held for the next morning it is the whole date that counts.
	at := time.Date(2026, 10, 6, 7, 0, 0, 0, newsroom.Zone)
	c := ruralStory()
	c.ReleaseAt = &at
	later := d.sent(c)
	d.phone().decide(d.link(later, d.leader), "approve", "pin", leaderPIN).shows(200, "lúc 09:17</h1>", "Bài sẽ được đăng lúc 07 giờ 00, ngày 06/10/2026")
	d.clock.forward(at.Sub(d.clock.now()))
	if _, err := d.SettleDue(t.Context(), later); err != nil {
		t.Fatal(err)
	}
	d.phone().open(d.link(later, d.leader)).shows(200, "lúc 09:17, đăng lúc 07 giờ 00, ngày 06/10/2026</h1>")
}

// What became of a link is told on it, status 200, and no decision goes through.
func TestDeadLinksSayWhatBecameOfThem(t *testing.T) {
	t.Parallel()
	d := newLinkDesk(t)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name, says string
		kill       func(id string)
	}{
		{"recalled", "được người soạn rút lại", func(id string) { d.move(d.author, id, newsroom.MoveRecall) }},
		{"withdrawn to edit", "được thu hồi để sửa", func(id string) { d.move(d.reviewer, id, newsroom.MoveWithdrawRequest) }},
		{"superseded", "đã có phiên bản mới", func(id string) {
			draft, err := d.Draft(t.Context(), id)
			must(err)
			draft.Content.Lead = "Sapo đã sửa."
			_, err = d.SaveDraft(t.Context(), id, d.reviewer, draft.Article.Version, draft.Content)
			must(err)
			d.move(d.reviewer, id, newsroom.MoveResubmit)
		}},
		{"delegated", "đã được ủy quyền cho người khác", func(string) {
			now := d.clock.now()
			delegation, err := d.Delegate(t.Context(), d.leader, newsroom.Delegation{OfficeID: "ban-bien-tap", From: d.leader.ID, To: d.second.ID, Start: now, End: now.Add(time.Hour)})
			must(err)
			t.Cleanup(func() { _ = delegation })
			_, err = d.db.Exec(t.Context(), `UPDATE delegations SET ended_at = $1`, d.clock.now()) // later cases are about the leader again
			must(err)
		}},
		{"expired", "hết hạn", func(id string) {
			_, err := d.db.Exec(t.Context(), `UPDATE asks SET expires_at = $2 WHERE article_id = $1`, id, d.clock.now().Add(-time.Second))
			must(err)
		}},
	} {
		id := d.sent(ruralStory())
		path := d.link(id, d.leader)
		p := d.phone().open(path)
		form := p.form("move", "approve", "pin", leaderPIN)
		c.kill(id)
		before := d.scalar(`SELECT count(*) FROM decisions`)
		p.post(path, form).shows(200, c.says)
		d.phone().open(path).shows(200, c.says)
		if strings.Contains(p.page, `value="approve"`) {
			t.Errorf("%s: the page still offers to approve", c.name)
		}
		if after := d.scalar(`SELECT count(*) FROM decisions`); after != before {
			t.Errorf("%s: a dead link decided", c.name)
		}
	}
}

func TestLinkOfSomebodyWhoLeftIsDead(t *testing.T) {
	t.Parallel()
	d := newLinkDesk(t)
	id := d.sent(ruralStory())
	path := d.link(id, d.leader)
	p := d.phone().open(path)
	form := p.form("move", "approve", "pin", leaderPIN)
	if _, err := d.db.Exec(t.Context(), `UPDATE users SET active = false WHERE id = $1`, d.leader.ID); err != nil {
		t.Fatal(err)
	}
	p.post(path, form).shows(200, "hết hạn")
	if d.stage(id) != newsroom.StageAwaitingApproval {
		t.Errorf("the article is %s", d.stage(id))
	}
}

func TestOtherBytesThanShownAreNotApproved(t *testing.T) {
	t.Parallel()
	d := newLinkDesk(t)
	id := d.sent(ruralStory())
	path := d.link(id, d.leader)
	p := d.phone().open(path)
	for _, hash := range []string{"", strings.Repeat("0", 64), "' OR 1=1"} {
		p.post(path, p.form("move", "approve", "pin", leaderPIN, "content_hash", hash)).shows(409)
	}
	if d.stage(id) != newsroom.StageAwaitingApproval {
		t.Errorf("the article is %s", d.stage(id))
	}
}

func TestReturnNeedsAReason(t *testing.T) {
	t.Parallel()
	d := newLinkDesk(t)
	id := d.sent(ruralStory())
	p := d.phone()
	p.decide(d.link(id, d.leader), "request_changes", "pin", leaderPIN, "reason", "Có chữ mà không có mã.").shows(422, "Có chữ mà không có mã.")
	p.decide(d.link(id, d.leader), "request_changes", "pin", leaderPIN, "reason_code", "quality", "reason", " ").shows(422)
	p.decide(d.link(id, d.leader), "fly", "pin", leaderPIN).shows(422, "chọn một quyết định")
	p.decide(d.link(id, d.leader), "undo", "pin", leaderPIN).shows(422)
	if got := d.scalar(`SELECT count(*) FROM pin_failures`); got != "0" {
		t.Errorf("%s wrong PINs counted", got)
	}
}

// Fifty taps at once, half of them the opposite: one effect (mail.md (d) 10).
func TestOppositeDecisionsAtOnceHaveOneEffect(t *testing.T) {
	t.Parallel()
	d := newLinkDesk(t)
	if err := d.Seat(t.Context(), d.admin, "ban-bien-tap", d.second.ID, false); err != nil {
		t.Fatal(err)
	}
	id := d.sent(ruralStory())
	phones := make([]*phone, 50)
	forms := make([]url.Values, 50)
	paths := [2]string{d.link(id, d.leader), d.link(id, d.second)}
	for i := range phones {
		phones[i] = d.phone()
		phones[i].trusted([2]newsroom.Person{d.leader, d.second}[i%2])
		phones[i].open(paths[i%2])
		forms[i] = phones[i].form("move", "approve")
		if i%2 == 1 {
			forms[i] = phones[i].form("move", "reject", "reason_code", "duplicate", "reason", "Trùng.")
		}
	}
	var wg sync.WaitGroup
	var settled, told atomic.Int32
	for i, p := range phones {
		wg.Go(func() {
			for {
				p.post(paths[i%2], forms[i])
				if p.status != http.StatusTooManyRequests {
					break
				}
				d.clock.forward(time.Second) // strangers of one network wait for the limiter; its clock is the test's
			}
			switch {
			case p.status == http.StatusOK:
				settled.Add(1)
			case p.status == http.StatusConflict:
				told.Add(1)
			default:
				t.Errorf("status %d", p.status)
			}
		})
	}
	wg.Wait()
	if got := d.scalar(`SELECT count(*) || ' ' || count(DISTINCT user_id) FROM decisions WHERE article_id = $1`, id); got != "1 1" {
		t.Errorf("decisions: %s", got)
	}
	if got := d.scalar(`SELECT count(*) FROM audit WHERE article_id = $1 AND action IN ('approve', 'reject')`, id); got != "1" {
		t.Errorf("%s rows on record", got)
	}
	if settled.Load()+told.Load() != 50 {
		t.Errorf("%d shown the outcome, %d told that another came first", settled.Load(), told.Load())
	}
	if got := d.scalar(`SELECT count(*) FROM letters WHERE kind = 'decided_elsewhere' AND article_id = $1`, id); got != "1" {
		t.Errorf("%s others told", got)
	}
	if _, err := d.VerifyAudit(t.Context()); err != nil {
		t.Error(err)
	}
}

// Links as mail programs and filters hand them on: percent-encoded, with their own parameters, with the punctuation of the sentence.
func TestRewrittenLinksWork(t *testing.T) {
	t.Parallel()
	d := newLinkDesk(t)
	id := d.sent(ruralStory())
	path := d.link(id, d.leader)
	token := strings.TrimPrefix(path, "/duyet/")
	safe := "https://apc01.safelinks.protection.outlook.com/?url=" + url.QueryEscape("https://vankhe.example.vn"+path) + "&data=05%7C02&reserved=0"
	wrapped, err := url.Parse(strings.ReplaceAll(strings.ReplaceAll(safe, "&", "&amp;"), "&amp;", "&"))
	if err != nil {
		t.Fatal(err)
	}
	target, err := url.Parse(wrapped.Query().Get("url"))
	if err != nil {
		t.Fatal(err)
	}
	encoded := strings.NewReplacer("-", "%2D", "_", "%5F").Replace(token)
	encoded = "%" + fmt.Sprintf("%02X", encoded[0]) + encoded[1:]
	for name, form := range map[string]string{
		"SafeLinks": target.RequestURI(), "percent-encoded": "/duyet/" + encoded, "tracking": path + "?utm_source=mail&amp;fbclid=x&#38;y=1",
		"full stop": path + ".", "bracket": path + ")", "angle": path + "%3E", "comma": path + ",", "slash": path + "/", "quoted": path + "%22",
	} {
		p := d.phone().open(form)
		if p.status != 200 || !strings.Contains(p.page, "Xã Vân Khê ký kết") {
			t.Errorf("%s: status %d for %s", name, p.status, form)
		}
	}
	for name, form := range map[string]string{"cut": path[:len(path)-2], "changed": "/duyet/" + strings.ToUpper(token), "empty": "/duyet/%20", "nul": "/duyet/%00" + token[1:]} {
		if p := d.phone().open(form); p.status != 404 {
			t.Errorf("%s: status %d for %s", name, p.status, form)
		}
	}
	p := d.phone().open("/duyet/" + encoded)
	p.post(path, p.form("move", "approve", "pin", leaderPIN)).shows(200, "đã phê duyệt")
}

func TestTokensLeaveNoTrace(t *testing.T) {
	t.Parallel()
	d := newLinkDesk(t)
	id := d.sent(ruralStory())
	path := d.link(id, d.leader)
	token := strings.TrimPrefix(path, "/duyet/")
	p := d.phone()
	look := func(what string) {
		t.Helper()
		if got := p.header.Get("Referrer-Policy"); got != "strict-origin" {
			t.Errorf("%s: Referrer-Policy %q", what, got)
		}
		if got := p.header.Get("Cache-Control"); got != "no-store" {
			t.Errorf("%s: Cache-Control %q", what, got)
		}
		if got := p.header.Get("X-Robots-Tag"); !strings.Contains(got, "noindex") {
			t.Errorf("%s: X-Robots-Tag %q", what, got)
		}
		if got := p.header.Get("Content-Security-Policy"); !strings.Contains(got, "form-action 'self'") || !strings.Contains(got, "frame-ancestors 'none'") || strings.Contains(got, "unsafe") {
			t.Errorf("%s: policy %q", what, got)
		}
		for name, values := range p.header {
			if name != "Location" && strings.Contains(strings.Join(values, " "), token) {
				t.Errorf("%s: header %s carries the token", what, name)
			}
		}
		for _, outside := range []string{`src="http`, `src="//`, `href="http`, `<script`, `action="http`} {
			if strings.Contains(strings.ReplaceAll(p.page, d.url, ""), outside) {
				t.Errorf("%s: the page has %s", what, outside)
			}
		}
	}
	p.open(path)
	look("open")
	p.decide(path, "approve", "pin", "999999")
	look("wrong PIN")
	p.open(path + "x")
	look("unknown")
	p.send(http.MethodPost, path, strings.NewReader("move=approve"), "Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "same-origin", "Referer", d.url+path)
	look("without a nonce")
	p.decide(path, "approve", "pin", leaderPIN)
	look("decided")
	notMe := d.notMeLink(d.leader)
	p.open(notMe)
	look("not me")
	for range 25 {
		p.post(path, url.Values{"move": {"approve"}})
	}
	look("too many")
	if p.status != http.StatusTooManyRequests {
		t.Errorf("the last of 25 posts: status %d", p.status)
	}
	log := d.log.String()
	for _, secret := range []string{token, strings.TrimPrefix(notMe, "/khong-phai-toi/"), leaderPIN, "999999"} {
		if strings.Contains(log, secret) {
			t.Errorf("the log has %s", secret)
		}
	}
	if !strings.Contains(log, "/duyet/…") {
		t.Error("the log does not name the page at all")
	}
	for name := range d.dump() {
		if got := d.scalar(`SELECT count(*) FROM `+name+` t WHERE t::text LIKE '%' || $1 || '%'`, token); got != "0" {
			t.Errorf("table %s holds the token", name)
		}
	}
}

func TestFormsFromElsewhereAreRefused(t *testing.T) {
	t.Parallel()
	d := newLinkDesk(t)
	id := d.sent(ruralStory())
	path := d.link(id, d.leader)
	p := d.phone().open(path)
	form := p.form("move", "approve", "pin", leaderPIN).Encode()
	for _, header := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Origin", "https://evil.example"}, {"Origin", "null"}} {
		p.send(http.MethodPost, path, strings.NewReader(form), append(header, "Content-Type", "application/x-www-form-urlencoded")...)
		p.shows(403)
	}
	if d.stage(id) != newsroom.StageAwaitingApproval {
		t.Errorf("the article is %s", d.stage(id))
	}
}

func TestTextHiddenUntilThePIN(t *testing.T) {
	t.Parallel()
	d := newLinkDesk(t)
	d.policy(func(p *newsroom.Policy) { p.BodyAfterPIN = true })
	id := d.sent(ruralStory())
	path := d.link(id, d.leader)
	p := d.phone().open(path).shows(200, "chỉ hiển thị sau khi nhập mã PIN")
	secret := "thu gom rác thải"
	if strings.Contains(p.page, secret) || strings.Contains(p.page, `value="approve"`) {
		t.Fatal("the text or the decision is shown before the PIN")
	}
	p.post(path, p.form("move", "read", "pin", "000000")).shows(403, "Mã PIN chưa đúng")
	if strings.Contains(p.page, secret) {
		t.Fatal("the text is shown after a wrong PIN")
	}
	before := d.dump()
	p.post(path, p.form("move", "read", "pin", leaderPIN)).shows(200, secret, "Đã nhập mã PIN", `value="approve"`)
	d.unchanged(before, "pin_failures")
	form := p.form("move", "approve")
	d.phone().post(path, form).shows(409) // the proof is this browser's
	d.phone().open(path)
	p.post(path, form).shows(200, "đã phê duyệt")
	if d.stage(id) != newsroom.StageReleased {
		t.Errorf("the article is %s", d.stage(id))
	}
}

func TestOneTimeCodeWhereThePolicyWantsIt(t *testing.T) {
	t.Parallel()
	d := newLinkDesk(t)
	d.policy(func(p *newsroom.Policy) { p.DecideTOTP = true })
	key := d.NewTOTP()
	words, _ := d.TOTPWords(key, "Vân Khê", "pho-chu-tich")
	code := func() string {
		t.Helper()
		c, err := totp.GenerateCode(words, d.clock.now())
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	if _, err := d.EnrolTOTP(t.Context(), d.leader.ID, key, code()); err != nil {
		t.Fatal(err)
	}
	d.clock.forward(time.Minute)
	id := d.sent(ruralStory())
	path := d.link(id, d.leader)
	p := d.phone()
	p.decide(path, "approve", "pin", leaderPIN).shows(403, "Mã xác thực chưa đúng")
	p.decide(path, "approve", "pin", leaderPIN, "totp", "000000").shows(403, "Mã xác thực chưa đúng")
	if d.stage(id) != newsroom.StageAwaitingApproval {
		t.Fatalf("the article is %s", d.stage(id))
	}
	used := code()
	p.decide(path, "approve", "pin", leaderPIN, "totp", used).shows(200, "đã phê duyệt")
	again := d.link(d.sent(ruralStory()), d.leader)
	p.decide(again, "approve", "pin", leaderPIN, "totp", used).shows(403)
	for i := range 25 {
		d.clock.forward(3 * time.Second)
		d.phone().decide(again, "approve", "pin", leaderPIN, "totp", fmt.Sprintf("9%05d", i))
	}
	d.phone().open(again).shows(200, "đã bị khóa")
}

func TestUndoWithinTheCoolingOff(t *testing.T) {
	t.Parallel()
	d := newLinkDesk(t)
	d.policy(func(p *newsroom.Policy) { p.CoolingOffMinutes = 10 })
	id := d.sent(ruralStory())
	path := d.link(id, d.leader)
	p := d.phone().decide(path, "approve", "pin", leaderPIN).shows(200, "Hoàn tác phê duyệt", "Có thể hoàn tác đến")
	if d.stage(id) != newsroom.StageApproved {
		t.Fatalf("the article is %s", d.stage(id))
	}
	p.post(path, p.form("move", "undo")).shows(422, "Vui lòng nhập mã PIN")
	p.post(path, p.form("move", "undo", "pin", leaderPIN)).shows(200)
	if d.stage(id) != newsroom.StageAwaitingApproval {
		t.Fatalf("the article is %s", d.stage(id))
	}
	fresh := d.link(id, d.leader)
	if fresh == path {
		t.Fatal("the question was not asked anew")
	}
	p.decide(fresh, "approve", "pin", leaderPIN).shows(200, "Hoàn tác phê duyệt")
	form := p.form("move", "undo", "pin", leaderPIN)
	d.clock.forward(11 * time.Minute)
	p.post(fresh, form).shows(409, "đã phê duyệt")
	if d.stage(id) != newsroom.StageApproved {
		t.Errorf("the article is %s", d.stage(id))
	}
}

func TestWithdrawalFromTheResultPage(t *testing.T) {
	t.Parallel()
	d := newLinkDesk(t)
	id := d.sent(ruralStory())
	path := d.link(id, d.leader)
	p := d.phone().decide(path, "approve", "pin", leaderPIN).shows(200, "Rút bài đã đăng")
	p.post(path, p.form("move", "withdraw", "pin", leaderPIN)).shows(422)
	p.post(path, p.form("move", "withdraw", "pin", leaderPIN, "reason_code", "pending_verification", "reason", "Đang xác minh lại.")).shows(200)
	a, err := d.Article(t.Context(), id)
	if err != nil || a.Public != newsroom.PublicWithdrawn || a.SecondBy == nil {
		t.Fatalf("after the withdrawal: %+v, %v", a, err)
	}
	// The other leader signs by a link of their own.
	signer := d.phone().open(d.link(id, d.second)).shows(200, "cần chữ ký thứ hai", "Trần Văn Minh", "Đang xác minh lại.")
	signer.post(d.link(id, d.second), signer.form("move", "approve", "pin", secondPIN)).shows(422)
	signer.post(d.link(id, d.second), signer.form("move", "second_sign", "pin", leaderPIN)).shows(403, "Mã PIN chưa đúng")
	signer.decide(d.link(id, d.second), "second_sign", "pin", secondPIN).shows(200, "đã ký thứ hai")
	if a, err = d.Article(t.Context(), id); err != nil || a.SecondBy != nil {
		t.Errorf("after the signature: %+v, %v", a, err)
	}
	if got := d.scalar(`SELECT door || ' ' || capacity FROM audit WHERE article_id = $1 AND action = 'second_sign'`, id); got != "link leader" {
		t.Errorf("on record: %s", got)
	}
}

// typedNumber is the number that a "not me" page asks to type.
func typedNumber(p *phone) string {
	_, rest, _ := strings.Cut(p.page, "gõ số ")
	return rest[:min(3, len(rest))]
}

func TestNotMe(t *testing.T) {
	t.Parallel()
	d := newLinkDesk(t)
	d.policy(func(p *newsroom.Policy) { p.CoolingOffMinutes = 10 })
	id := d.sent(ruralStory())
	p := d.phone()
	p.decide(d.link(id, d.leader), "approve", "pin", leaderPIN, "trust", "1").shows(200, "đã phê duyệt")
	path := d.notMeLink(d.leader)
	before := d.dump()
	stranger := d.phone().open(path).shows(200, "Xã Vân Khê ký kết", "Phê duyệt", "không phải tôi")
	number := typedNumber(stranger)
	stranger.post(path, url.Values{}).shows(422, "chọn một câu trả lời") // what a machine sends that submits every form as it is
	stranger.post(path, url.Values{"who": {"me"}}).shows(200, "Đồng chí có thực hiện")
	d.unchanged(before)
	for _, typed := range []string{"", "000", "Quét tự động", number + "1"} { // a machine that presses everything
		stranger.post(path, url.Values{"who": {"not_me"}, "number": {typed}}).shows(422, "gõ đúng số "+number, `value="not_me" checked`)
	}
	d.unchanged(before)
	stranger.post(path, url.Values{"who": {"not_me"}, "number": {" " + number}}).shows(200, "Đã ghi nhận", "được giữ lại")
	stranger.post(path, url.Values{"who": {"not_me"}}).shows(200, "Đã ghi nhận")
	d.phone().open(d.link(id, d.leader)).shows(200, "đã phê duyệt", "đang được giữ lại")
	d.clock.forward(time.Hour)
	if _, err := d.SettleDue(t.Context(), id); err != nil || d.stage(id) != newsroom.StageApproved {
		t.Errorf("the article is %s, %v", d.stage(id), err)
	}
	if got := d.scalar(`SELECT count(*) FROM audit WHERE action = 'not_me'`); got != "1" {
		t.Errorf("%s rows on record", got)
	}
	other := d.link(d.sent(ruralStory()), d.leader)
	p.decide(other, "approve", "pin", leaderPIN).shows(403, "chưa có mã PIN") // neither the phone nor the PIN is good any more
}

func TestNotMeAfterTheRelease(t *testing.T) {
	t.Parallel()
	d := newLinkDesk(t)
	id := d.sent(ruralStory())
	d.phone().decide(d.link(id, d.leader), "approve", "pin", leaderPIN).shows(200, "đã phê duyệt")
	path := d.notMeLink(d.leader)
	p := d.phone().open(path)
	p.post(path, url.Values{"who": {"not_me"}, "number": {typedNumber(p)}}).shows(200, "Bài đã lên cổng từ trước")
	a, err := d.Article(t.Context(), id)
	if err != nil || a.Public != newsroom.PublicLive {
		t.Errorf("the page went without a leader's decision: %s, %v", a.Public, err)
	}
	if got := d.scalar(`SELECT string_agg(u.email, ' ' ORDER BY u.email) FROM letters l JOIN users u ON u.id = l.user_id WHERE kind = 'not_me_alert'`); got != "admin@vankhe.example chu-tich@vankhe.example" {
		t.Errorf("told: %s", got)
	}
}

func TestDecisionIsRecordedWhileTheWorkflowsAreAway(t *testing.T) {
	t.Parallel()
	d := newLinkDesk(t)
	id := d.sent(ruralStory())
	path := d.link(id, d.leader)
	d.moves.away = true
	p := d.phone().decide(path, "approve", "pin", leaderPIN).shows(200, "Đã ghi nhận, đang xử lý")
	request := d.scalar(`SELECT id FROM move_requests WHERE settled_at IS NULL`)
	if request == "" {
		t.Fatal("the tap is lost")
	}
	if _, err := d.RecordMove(t.Context(), request); err != nil {
		t.Fatal(err)
	}
	p.open(path+"?ghi-nhan").shows(200, "đã phê duyệt")
}

func TestQuorumAndOrderAreTold(t *testing.T) {
	t.Parallel()
	d := newLinkDesk(t)
	if err := d.Seat(t.Context(), d.admin, "ban-bien-tap", d.second.ID, false); err != nil {
		t.Fatal(err)
	}
	d.policy(func(p *newsroom.Policy) { p.Steps[0].Quorum = newsroom.QuorumAll })
	id := d.sent(ruralStory())
	d.phone().open(d.link(id, d.second)).shows(200, "Cần phê duyệt của tất cả")
	d.phone().decide(d.link(id, d.leader), "approve", "pin", leaderPIN).shows(200, "đã phê duyệt")
	d.phone().open(d.link(id, d.second)).shows(200, "Đồng chí Trần Văn Minh đã phê duyệt lúc")
	d.phone().decide(d.link(id, d.second), "approve", "pin", secondPIN).shows(200, "Nguyễn Thị Hòa đã phê duyệt lúc", ", đăng lúc")
}

func TestDeputySignsByLink(t *testing.T) {
	t.Parallel()
	d := newLinkDesk(t)
	id := d.sent(ruralStory())
	now := d.clock.now()
	if _, err := d.Delegate(t.Context(), d.leader, newsroom.Delegation{OfficeID: "ban-bien-tap", From: d.leader.ID, To: d.second.ID, Start: now, End: now.Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	d.phone().open(d.link(id, d.second)).shows(200, "ký thay đồng chí Trần Văn Minh")
	d.phone().decide(d.link(id, d.second), "approve", "pin", secondPIN).shows(200, "Nguyễn Thị Hòa đã phê duyệt", "ký thay đồng chí Trần Văn Minh")
	if got := d.scalar(`SELECT capacity || ' ' || on_behalf_of FROM decisions WHERE article_id = $1`, id); got != "deputy "+d.leader.ID {
		t.Errorf("on record: %s", got)
	}
}

func TestNewTextIsShownWithWhatChanged(t *testing.T) {
	t.Parallel()
	d := newLinkDesk(t)
	id := d.sent(ruralStory())
	draft, err := d.Draft(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	c := draft.Content
	c.Title = strings.Replace(c.Title, "bảy đơn vị", "tám đơn vị", 1)
	c.Lead = "Tám đơn vị cùng ký."
	c.Authors = c.Authors[:1]
	if _, err := d.SaveDraft(t.Context(), id, d.reviewer, draft.Article.Version, c); err != nil {
		t.Fatal(err)
	}
	d.move(d.reviewer, id, newsroom.MoveResubmit)
	d.phone().open(d.link(id, d.leader)).shows(200, "Thay đổi so với bản đã trình đồng chí", "<del>bảy</del>", "<ins>tám</ins>", "Cũng thay đổi: tác giả.")
}
