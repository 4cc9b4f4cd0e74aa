package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"toasoan/internal/store"
)

const leaderPIN = "836152"

// measureApproval weighs the page behind the leader's mailed link, and takes the time of a decision: the newsroom's part of it, and what
// a leader with a slow phone waits for.
func measureApproval(ctx context.Context, b *bench) error {
	p, err := b.open(ctx)
	if err != nil {
		return err
	}
	if _, err := p.portal(ctx); err != nil {
		return err
	}
	if err := p.store.SetPIN(ctx, p.people.leader.ID, leaderPIN); err != nil {
		return err
	}
	times := 20
	if b.quick {
		times = 10
	}
	link, err := p.link(ctx, 0)
	if err != nil {
		return err
	}
	size, parts, err := weight(link)
	if err != nil {
		return err
	}
	b.report.value("approval.page_kb", float64(size)/1024, "KB", fmt.Sprintf("first visit, on the wire with headers, all but pictures: %d answers", parts))
	var decisions []time.Duration
	for n := range times {
		if link, err = p.link(ctx, n+1); err != nil {
			return err
		}
		took, err := decideOnce(ctx, link)
		if err != nil {
			return err
		}
		decisions = append(decisions, took)
	}
	b.report.value("approval.decide_p50_ms", quantile(decisions, 0.5), "ms", fmt.Sprintf("form with PIN sent to the outcome shown, %d decisions: proof, workflow, release", times))
	b.report.value("approval.decide_p99_ms", quantile(decisions, 0.99), "ms", "")
	return p.onAPhone(ctx, b, times)
}

// link brings an article before the leader and returns the address that the mail carries, once everything is quiet again.
func (p *plant) link(ctx context.Context, n int) (string, error) {
	id, err := p.article(ctx, "portal", fmt.Sprintf("Bài trình phê duyệt số %d", n+1))
	if err != nil {
		return "", err
	}
	if err := p.forward(ctx, id); err != nil {
		return "", err
	}
	if err := p.rest(ctx); err != nil {
		return "", err
	}
	var ask string
	var version int
	err = p.db.QueryRow(ctx, `SELECT id, key_version FROM asks WHERE article_id = $1 AND user_id = $2`, id, p.people.leader.ID).Scan(&ask, &version)
	return p.url + "/duyet/" + p.keys.Token(store.PurposeAsk, ask, version), err
}

var carried = regexp.MustCompile(`<input type="hidden" name="([a-z_]+)" value="([^"]*)">`)

// decideOnce opens a link as a browser without scripts does, approves with the PIN, and returns how long the decision took.
func decideOnce(ctx context.Context, link string) (time.Duration, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return 0, err
	}
	client := &http.Client{Jar: jar, Timeout: time.Minute}
	send := func(method string, form url.Values) (string, error) {
		r, err := http.NewRequestWithContext(ctx, method, link, strings.NewReader(form.Encode()))
		if err != nil {
			return "", err
		}
		if form != nil {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		res, err := client.Do(r)
		if err != nil {
			return "", err
		}
		defer res.Body.Close() //nolint:errcheck // read only
		body, err := io.ReadAll(res.Body)
		if err == nil && res.StatusCode != http.StatusOK {
			err = fmt.Errorf("the approval page answers %s", res.Status)
		}
		return string(body), err
	}
	shown, err := send(http.MethodGet, nil)
	if err != nil {
		return 0, err
	}
	form := url.Values{"move": {"approve"}, "pin": {leaderPIN}}
	for _, field := range carried.FindAllStringSubmatch(shown, -1) {
		form.Set(field[1], field[2])
	}
	began := time.Now()
	if shown, err = send(http.MethodPost, form); err != nil {
		return 0, err
	}
	took := time.Since(began)
	if !strings.Contains(shown, "đã phê duyệt lúc") {
		return 0, errors.New("the page does not say who approved")
	}
	return took, nil
}

// slowPhone is what page tests usually mean by one: four times slower than this machine, 1.6 Mbit/s with 150 ms to the first byte.
const (
	slower     = 4
	slowKbit   = 1600
	slowFirst  = 150
	phoneWide  = 360
	phoneHigh  = 740
	chooseThen = `document.querySelector('input[value=approve]').click(); document.querySelector('.decide-form .button-approve').click(); void 0`
)

// onAPhone takes the time that a leader waits on a slow phone: until the page of the first visit is painted, and from the two taps on a
// phone that is trusted to the outcome.
func (p *plant) onAPhone(ctx context.Context, b *bench, times int) error {
	path, err := exec.LookPath("chromium")
	if err != nil {
		say("chromium is not installed: approval.open_ms and approval.two_taps_ms are left out")
		return nil //nolint:nilerr // said
	}
	profile, err := os.MkdirTemp("", "toasoan-bench-chromium-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(profile) //nolint:errcheck // a temporary folder
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(profile))
	browser, cancel := chromedp.NewExecAllocator(ctx, options...)
	defer cancel()
	browser, stop := chromedp.NewContext(browser)
	defer stop()
	if err := slowDown(browser); err != nil {
		return err
	}
	var opened, plain, decided []time.Duration
	for n := range times {
		link, err := p.link(ctx, 1000+n)
		if err != nil {
			return err
		}
		if _, err := chromedp.Call(browser, network.ClearBrowserCache, cdp.Empty{}); err != nil {
			return err
		}
		if _, err := chromedp.Call(browser, network.ClearBrowserCookies, cdp.Empty{}); err != nil {
			return err
		}
		first, err := painted(browser, link)
		if err != nil {
			return err
		}
		least, err := painted(browser, p.url+"/healthz")
		if err != nil {
			return err
		}
		opened, plain = append(opened, first), append(plain, least)
		took, err := p.twoTaps(ctx, browser, link)
		if err != nil {
			return err
		}
		decided = append(decided, took)
	}
	b.report.against("approval.open_ms", quantile(opened, 0.5), quantile(plain, 0.5), "ms", fmt.Sprintf(
		"first visit until painted, Chromium as a slow phone (CPU ÷ %d, %d kbit/s, %d ms), median of %d; baseline: a page of two bytes", slower, slowKbit, slowFirst, times))
	b.report.value("approval.two_taps_ms", quantile(decided, 0.5), "ms", "the same phone, trusted: both taps to the outcome loaded")
	return nil
}

// painted opens an address and returns how long it took until something of it was to be seen.
func painted(browser context.Context, address string) (time.Duration, error) {
	if err := chromedp.Do(browser, chromedp.Navigate(address)); err != nil {
		return 0, err
	}
	at, err := chromedp.Run(browser, chromedp.Evaluate[float64](`performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? performance.now()`))
	return time.Duration(at * float64(time.Millisecond)), err
}

// slowDown makes the browser a slow phone.
func slowDown(browser context.Context) error {
	if err := chromedp.Do(browser, chromedp.EmulateViewport(phoneWide, phoneHigh)); err != nil {
		return err
	}
	if _, err := chromedp.Call(browser, emulation.SetCPUThrottlingRate, emulation.SetCPUThrottlingRateParams{Rate: slower}); err != nil {
		return err
	}
	_, err := chromedp.Call(browser, network.EmulateNetworkConditionsByRule, network.EmulateNetworkConditionsByRuleParams{
		MatchedNetworkConditions: []*network.Conditions{{Latency: slowFirst, DownloadThroughput: slowKbit * 1000 / 8, UploadThroughput: slowKbit * 1000 / 16}},
	})
	return err
}

// twoTaps approves on a phone that the leader trusts, and returns how long it took from the taps to the page that says so.
func (p *plant) twoTaps(ctx, browser context.Context, link string) (time.Duration, error) {
	value, _, err := p.store.TrustDevice(ctx, p.people.leader.ID, "bench")
	if err != nil {
		return 0, err
	}
	if _, err := chromedp.Call(browser, network.SetCookie, network.SetCookieParams{Name: "thiet-bi", Value: value, URL: link, Path: "/duyet/"}); err != nil {
		return 0, err
	}
	if err := chromedp.Do(browser, chromedp.Navigate(link)); err != nil {
		return 0, err
	}
	began := time.Now()
	if _, err := chromedp.Run(browser, chromedp.WaitEvent(page.LoadEventFired, nil, chromedp.Evaluate[any](chooseThen))); err != nil {
		return 0, err
	}
	took := time.Since(began)
	said, err := chromedp.Run(browser, chromedp.Evaluate[bool](`document.body.innerText.includes('đã phê duyệt lúc')`))
	if err == nil && !said {
		err = errors.New("the page does not say who approved")
	}
	return took, err
}
