package web

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"toasoan/internal/bounce"
	"toasoan/newsroom"
)

// onTheWay opens an issue for two readers and returns their mails as they are about to go out.
func (d *apiDesk) onTheWay() []newsroom.Recipient {
	d.t.Helper()
	ctx := d.t.Context()
	no := func(err error) {
		d.t.Helper()
		if err != nil {
			d.t.Fatal(err)
		}
	}
	d.want(d.call("admin", "POST", "/api/v1/subscribers:import?source=Phieu&sections=kinh-te", "email\nlan@example.vn\nbinh@example.vn\n", "Content-Type", "text/csv"), 200, "")
	id := d.write("reporter").str("id")
	for _, step := range [][2]string{{"reporter", "submit"}, {"reviewer", "claim"}, {"reviewer", "forward"}} {
		d.want(d.move(step[0], id, move(step[1])), 200, "")
	}
	done := d.want(d.move("leader", id, move("approve", "content_hash", d.call("leader", "GET", "/api/v1/articles/"+id, nil).str("content_hash"))), 200, "")
	p := d.want(d.call("leader", "GET", "/api/v1/publications/"+done.str("publication"), nil), 200, "")
	opened, err := d.store.MailPublicChange(ctx, "event-1", id, int64(p.body["n"].(float64)), "published", newsroom.ChangeNew)
	no(err)
	issue := opened.Issues[0]
	no(d.store.KeepMaster(ctx, issue, "Tin", "<p>x</p>", "x", strings.Repeat("0", 64)))
	no(d.store.FreezeRecipients(ctx, issue))
	lease, err := d.store.LeaseChunk(ctx, issue, 0, d.Now(), time.Minute)
	no(err)
	list, err := d.store.Claim(ctx, issue, 0, lease, 10, d.Now())
	no(err)
	if len(list) != 2 {
		d.t.Fatalf("%d mails", len(list))
	}
	return list
}

func TestAPIBounces(t *testing.T) {
	t.Parallel()
	d := newAPIDesk(t)
	const domain = "bounce.vankhe.example"
	d.Returns = &bounce.Handler{Store: d.store, Dispatch: d.moves, Domain: domain, Limit: newsroom.BounceLimit{Issues: 5, Days: 30}, Log: slog.New(slog.DiscardHandler)}
	d.tokens["relay"] = d.token(d.admin, newsroom.ScopeBounces)
	mails := d.onTheWay()
	path := func(r newsroom.Recipient) string { return "b+" + r.VERP + "@" + domain }
	counts := func(r reply) [4]float64 {
		t.Helper()
		d.want(r, 200, "")
		return [4]float64{r.body["taken"].(float64), r.body["again"].(float64), r.body["unknown"].(float64), r.body["ignored"].(float64)}
	}
	post := func(who string, body any, headers ...string) reply {
		return d.call(who, "POST", "/api/v1/bounces", body, headers...)
	}
	events := map[string]any{"events": []any{
		map[string]any{"id": "1", "type": "failed", "return_path": path(mails[0]), "recipient": mails[0].Email, "status": "5.1.1", "diagnostic": "550 5.1.1 no such user"},
		map[string]any{"id": "2", "type": "failed", "return_path": "b+daaaaaaaaaaaaaaaaaaaaaaaa@" + domain, "status": "5.1.1"},
	}}
	if got := counts(post("relay", events)); got != [4]float64{1, 0, 1, 0} {
		t.Errorf("events: %v", got)
	}
	if got := counts(post("relay", events)); got != [4]float64{0, 1, 1, 0} {
		t.Errorf("the same events: %v", got)
	}
	if u := d.want(d.call("admin", "GET", "/api/v1/subscribers/"+mails[0].SubscriberID, nil), 200, ""); u.str("blocked") != "hard" {
		t.Errorf("the address: %s", u.Body)
	}
	// A returned mail as it is.
	raw := "From: feedback@provider.example\r\nTo: abuse@vankhe.example\r\nMessage-ID: <1@provider.example>\r\nMIME-Version: 1.0\r\n" +
		"Content-Type: multipart/report; report-type=feedback-report; boundary=x\r\n\r\n--x\r\nContent-Type: message/feedback-report\r\n\r\n" +
		"Feedback-Type: abuse\r\nVersion: 1\r\nOriginal-Mail-From: <" + path(mails[1]) + ">\r\n--x--\r\n"
	if got := counts(post("admin", raw, "Content-Type", "message/rfc822")); got != [4]float64{1, 0, 0, 0} {
		t.Errorf("a complaint: %v", got)
	}
	if u := d.want(d.call("admin", "GET", "/api/v1/subscribers/"+mails[1].SubscriberID, nil), 200, ""); u.str("state") != "left" || u.str("blocked") != "complaint" {
		t.Errorf("who complained: %s", u.Body)
	}
	if got := counts(post("relay", "From: a@b.example\r\n\r\nHello.\r\n", "Content-Type", "message/rfc822; charset=utf-8")); got != [4]float64{0, 0, 0, 1} {
		t.Errorf("no report: %v", got)
	}
	// Who may not, and what is none.
	d.want(post("", events), 401, "unauthorized")
	for _, who := range []string{"reporter", "leader", "reviewer"} {
		d.want(post(who, events), 403, "scope_missing")
	}
	d.want(d.call("relay", "GET", "/api/v1/subscribers", nil), 403, "scope_missing")
	d.want(post("relay", "a=b", "Content-Type", "application/x-www-form-urlencoded"), 415, "media_type")
	many := make([]any, mostEvents+1)
	for i := range many {
		many[i] = map[string]any{"id": "x", "type": "failed", "return_path": path(mails[0])}
	}
	for name, body := range map[string]any{
		"no JSON": "{", "two values": `{"events":[]}{"events":[]}`, "unknown field": `{"events":[],"more":1}`,
		"no id": map[string]any{"events": []any{map[string]any{"type": "failed", "return_path": "x"}}}, "no name": map[string]any{"events": []any{map[string]any{"id": "1", "type": "failed"}}},
		"unknown type": map[string]any{"events": []any{map[string]any{"id": "1", "type": "hard", "return_path": "x"}}}, "too many": map[string]any{"events": many},
	} {
		if r := post("relay", body); r.Code != 422 {
			t.Errorf("%s: %d %s", name, r.Code, r.Body)
		}
	}
	if r := post("relay", strings.Repeat("x", bounceBytes+1), "Content-Type", "message/rfc822"); r.Code != 413 {
		t.Errorf("a large mail: %d %s", r.Code, r.Body)
	}
	// Only an admin's token reports.
	if _, _, err := d.store.IssueToken(t.Context(), newsroom.Person{}, d.persons["reporter"].ID, []newsroom.Scope{newsroom.ScopeBounces}, "x", "", nil); !errors.Is(err, newsroom.ErrForbidden) {
		t.Errorf("a reporter's token: %v", err)
	}
}
