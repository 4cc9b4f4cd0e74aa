package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// measurePublish takes the time from the release of an article to the moment at which readers see it.
func measurePublish(ctx context.Context, b *bench) error {
	p, err := b.open(ctx)
	if err != nil {
		return err
	}
	if _, err := p.portal(ctx); err != nil {
		return err
	}
	times := 40
	if b.quick {
		times = 20
	}
	var feeds, pages []time.Duration
	for n := range times {
		title := fmt.Sprintf("Thông báo về việc tiếp công dân, số %d", n+1)
		id, err := p.article(ctx, "portal", title)
		if err != nil {
			return err
		}
		if err := p.forward(ctx, id); err != nil {
			return err
		}
		if err := p.rest(ctx); err != nil {
			return err
		}
		var feedAt, pageAt time.Time
		seeing, looking := errgroup.WithContext(ctx)
		seeing.Go(func() (err error) { feedAt, err = seen(looking, p.url+"/rss.xml", title+"<"); return err })
		seeing.Go(func() (err error) { pageAt, err = seen(looking, p.url+"/", id); return err })
		if err := errors.Join(p.approve(ctx, id), seeing.Wait()); err != nil {
			return err
		}
		released, err := p.released(ctx, id)
		if err != nil {
			return err
		}
		feeds, pages = append(feeds, feedAt.Sub(released)), append(pages, pageAt.Sub(released))
	}
	b.report.value("publish.feed_p50_ms", quantile(feeds, 0.5), "ms", fmt.Sprintf("release to the article in /rss.xml, %d releases", times))
	b.report.value("publish.feed_p99_ms", quantile(feeds, 0.99), "ms", "")
	b.report.value("publish.page_p50_ms", quantile(pages, 0.5), "ms", "release to the article on the front page")
	b.report.value("publish.page_p99_ms", quantile(pages, 0.99), "ms", "")
	return nil
}

// seen asks for an address every few milliseconds until its answer holds words, and returns when that answer came.
func seen(ctx context.Context, url, words string) (time.Time, error) {
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return time.Time{}, err
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			return time.Time{}, err
		}
		body, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil {
			return time.Time{}, err
		}
		if strings.Contains(string(body), words) {
			return time.Now(), nil
		}
		time.Sleep(4 * time.Millisecond)
	}
	return time.Time{}, fmt.Errorf("%s did not show %q within 30 s", url, words)
}

// measureViews sends page views and waits until every one is counted.
func measureViews(ctx context.Context, b *bench) error {
	p, err := b.open(ctx)
	if err != nil {
		return err
	}
	path, err := p.portal(ctx, "TRUSTED_PROXIES=127.0.0.1/32")
	if err != nil {
		return err
	}
	views := 100_000
	if b.quick {
		views = 30_000
	}
	article := path[strings.LastIndex(path, "-")+1:]
	addr := strings.TrimPrefix(p.url, "http://")
	body := "article=" + article
	request := func(n int) []byte { // a hundred readers' addresses for each thousand views: the limit for strangers is per address
		reader := n / 10
		return fmt.Appendf(nil, "POST /xem HTTP/1.1\r\nHost: %s\r\nX-Forwarded-For: 10.%d.%d.%d\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%s",
			addr, reader>>16&255, reader>>8&255, reader&255, len(body), body)
	}
	counted := func() (n int64, err error) {
		err = p.db.QueryRow(ctx, `SELECT coalesce(sum(views), 0) FROM site_views`).Scan(&n)
		return n, err
	}
	before, err := counted()
	if err != nil {
		return err
	}
	writes, err := p.writes(ctx)
	if err != nil {
		return err
	}
	began := time.Now()
	sent, err := load{addr: addr, connections: 16, requests: views, status: "204", request: request}.run(ctx)
	if err != nil {
		return err
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		now, err := counted()
		if err != nil {
			return err
		}
		if now-before == int64(views) {
			break
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%d of %d views were counted", now-before, views)
		}
	}
	took := time.Since(began)
	time.Sleep(1500 * time.Millisecond) // PostgreSQL tells its statistics with a delay of a second
	after, err := p.writes(ctx)
	if err != nil {
		return err
	}
	b.report.value("views.rate", float64(views)/took.Seconds(), "views/s", fmt.Sprintf("%d beacons sent and every one counted in PostgreSQL; taken at %.0f/s", views, sent.rate()))
	b.report.value("views.writes_per_view", float64(after-writes)/float64(views), "rows", "rows written in PostgreSQL for a view, each reader's visit included")
	return nil
}

// writes is how many rows were ever written in the product's database.
func (p *plant) writes(ctx context.Context) (n int64, err error) {
	err = p.db.QueryRow(ctx, `SELECT sum(n_tup_ins + n_tup_upd + n_tup_del)::bigint FROM pg_stat_user_tables`).Scan(&n)
	return n, err
}
