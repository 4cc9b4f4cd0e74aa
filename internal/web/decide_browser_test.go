package web

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"toasoan/newsroom"
)

// chromium starts a headless browser with a profile of its own; it is skipped where there is none, except in continuous integration.
func chromium(t *testing.T) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil && os.Getenv("CI") == "" {
		t.Skip("chromium is not installed")
	}
	if err != nil {
		t.Fatal(err)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.UserDataDir(t.TempDir()), chromedp.Flag("disable-component-update", true))
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	return ctx
}

// press is how a machine sends a form of the page that is shown: it opens what is folded, ticks and chooses, writes something into
// every field but the PIN's, turns validation off and presses. It returns how many ways of sending the page has.
const press = `(which => {
	document.querySelectorAll('details').forEach(d => d.open = true);
	const ways = [];
	for (const form of document.forms) {
		form.noValidate = true;
		const radios = [...form.querySelectorAll('input[type=radio]')];
		const choices = radios.length ? radios : [null];
		for (const choice of choices) {
			const fill = () => {
				form.querySelectorAll('input[type=checkbox]').forEach(c => c.checked = true);
				form.querySelectorAll('textarea').forEach(a => a.value = 'Quét tự động');
				form.querySelectorAll('input:not([type]), input[type=text], input[type=tel], input[type=number]').forEach(i => i.value = '12345');
				form.querySelectorAll('select').forEach(s => s.selectedIndex = s.options.length - 1);
				if (choice) choice.checked = true;
			};
			ways.push(() => { fill(); form.submit(); });
			ways.push(() => { fill(); form.requestSubmit(); });
			for (const button of form.querySelectorAll('button')) ways.push(() => { fill(); button.click(); });
		}
	}
	if (which >= 0) ways[which]();
	return ways.length;
})`

// A scanner with a real browser, scripts and all, presses everything that a mailed page has. It has no PIN: nothing changes.
func TestBrowserThatPressesEverythingChangesNothing(t *testing.T) {
	t.Parallel()
	d := newLinkDesk(t)
	d.policy(func(p *newsroom.Policy) { p.CoolingOffMinutes = 600 })
	open, undoable := d.sent(ruralStory()), d.sent(ruralStory())
	d.phone().decide(d.link(undoable, d.leader), "approve", "pin", leaderPIN)
	d.policy(func(*newsroom.Policy) {})
	live := d.sent(ruralStory())
	d.phone().decide(d.link(live, d.leader), "approve", "pin", leaderPIN)
	withdrawn := d.sent(ruralStory())
	d.move(d.leader, withdrawn, newsroom.MoveApprove)
	d.move(d.leader, withdrawn, newsroom.MoveWithdraw)
	d.policy(func(p *newsroom.Policy) { p.BodyAfterPIN = true })
	hidden := d.sent(ruralStory())
	ctx := chromium(t)
	before := d.dump()
	for name, path := range map[string]string{
		"the question": d.link(open, d.leader), "the undo": d.link(undoable, d.leader), "the withdrawal": d.link(live, d.leader),
		"the second signature": d.link(withdrawn, d.second), "the hidden text": d.link(hidden, d.leader), "not me": d.notMeLink(d.leader),
	} {
		at := func(which int) (ways int) {
			t.Helper()
			ctx, cancel := context.WithTimeout(ctx, time.Minute)
			defer cancel()
			if err := chromedp.Do(ctx, chromedp.Navigate(d.url+path)); err != nil {
				t.Fatal(err)
			}
			if which < 0 {
				n, err := chromedp.Run(ctx, chromedp.Evaluate[int](press+"(-1)"))
				if err != nil {
					t.Fatal(err)
				}
				return n
			}
			d.clock.forward(2 * time.Second) // the limiter of strangers is not what is tested here
			if _, err := chromedp.Run(ctx, chromedp.WaitEvent(page.LoadEventFired, nil, chromedp.Evaluate[any](fmt.Sprintf("void %s(%d)", press, which)))); err != nil {
				t.Fatalf("%s, way %d: %v", name, which, err)
			}
			return 0
		}
		ways := at(-1)
		if ways < 3 {
			t.Fatalf("%s: the page has %d ways to send anything", name, ways)
		}
		for which := range ways {
			at(which)
		}
	}
	for route, want := range map[string]int{"POST /duyet/{token}": 20, "POST /khong-phai-toi/{token}": 6} {
		if posts := strings.Count(d.log.String(), fmt.Sprintf("route=%q", route)); posts < want {
			t.Fatalf("only %d forms were sent by %s", posts, route)
		}
	}
	d.unchanged(before)
}

// A real browser that loads the page, sends its forms and follows its links tells nobody where it came from but the site's name.
func TestBrowserTellsNobodyTheToken(t *testing.T) {
	t.Parallel()
	d := newLinkDesk(t)
	id := d.sent(ruralStory())
	path := d.link(id, d.leader)
	d.phone().decide(path, "approve", "pin", leaderPIN).shows(200, "đăng lúc")
	before := len(d.from.String()) // the test's own phone is no browser
	ctx, cancel := context.WithTimeout(chromium(t), 2*time.Minute)
	defer cancel()
	for _, do := range []string{
		`document.querySelector('.panel a').click()`, `document.querySelector('.article-section').click()`,
		`document.querySelector('a[rel=author]').click()`, `document.querySelector('.decide-after').requestSubmit()`,
	} {
		if err := chromedp.Do(ctx, chromedp.Navigate(d.url+path)); err != nil {
			t.Fatal(err)
		}
		if _, err := chromedp.Run(ctx, chromedp.WaitEvent(page.LoadEventFired, nil, chromedp.Evaluate[any](do+"; void 0"))); err != nil {
			t.Fatalf("%s: %v", do, err)
		}
	}
	token := strings.TrimPrefix(path, decidePath)
	told := 0
	for line := range strings.Lines(d.from.String()[before:]) {
		request, from, _ := strings.Cut(strings.TrimSpace(line), " from ")
		if strings.Contains(from, token) {
			t.Errorf("%s was told %s", strings.ReplaceAll(request, token, "…"), strings.ReplaceAll(from, token, "…"))
		}
		if strings.TrimSuffix(from, "/") == d.url {
			told++
		}
	}
	if told < 6 { // the page's parts, three links and a form; what is cached is not asked for again
		t.Errorf("only %d requests named the site they came from: the browser was not there\n%s", told, strings.ReplaceAll(d.from.String(), token, "…"))
	}
}

// countingConn counts what comes in.
type countingConn struct {
	net.Conn
	read *atomic.Int64
}

func (c countingConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.read.Add(int64(n))
	return n, err
}

var loaded = regexp.MustCompile(`(?:href|src)="(/static/[^"#]+)`)

// firstVisit is how many bytes come over the wire when a link is opened for the first time: the page and everything it loads but
// pictures of the article, headers included.
func firstVisit(t testing.TB, base, path string) (bytes int64, loads int) {
	t.Helper()
	var read atomic.Int64
	client := &http.Client{Transport: &http.Transport{
		DisableCompression: true,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := (&net.Dialer{}).DialContext(ctx, network, addr)
			return countingConn{conn, &read}, err
		},
	}}
	get := func(path, accept string) string {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Accept-Encoding", accept)
		answer, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		raw, err := io.ReadAll(answer.Body)
		if err != nil || answer.StatusCode != http.StatusOK {
			t.Fatalf("%s: status %d, %v", path, answer.StatusCode, err)
		}
		return string(raw)
	}
	plain := get(path, "identity")
	read.Store(0)
	get(path, "gzip, br")
	seen := map[string]bool{}
	for _, m := range loaded.FindAllStringSubmatch(plain, -1) {
		if !seen[m[1]] {
			seen[m[1]] = true
			get(m[1], "gzip, br")
		}
	}
	return read.Load(), len(seen) + 1
}

// linkBudget is what a first visit may cost on a slow phone: 60 KB.
const linkBudget = 60 << 10

func TestFirstVisitStaysWithinItsBudget(t *testing.T) {
	t.Parallel()
	d := newLinkDesk(t)
	c := ruralStory()
	c.Body = strings.Repeat(c.Body, 4) // a long article: 1,500 words
	id := d.sent(c)
	got, loads := firstVisit(t, d.url, d.link(id, d.leader))
	t.Logf("%d bytes in %d requests", got, loads)
	if got > linkBudget {
		t.Errorf("a first visit costs %d bytes in %d requests, more than %d", got, loads, linkBudget)
	}
	if loads < 3 {
		t.Errorf("only %d requests: the page lost its style", loads)
	}
}
