package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	enums "go.temporal.io/api/enums/v1"

	"toasoan/newsroom"
	"toasoan/workflows"
)

const (
	connections = 10
	bulkList    = "bulk" // the list of 20,000
	slowList    = "slow" // for relays far away
	warmList    = "warm" // to fill caches, and for its peak memory
	hugeList    = "huge" // 100,000
	bulkSize    = 20_000
	warmSize    = 1_000
)

// measureMail measures the newsletters from the leader's decision to the relay, beside go-mail's own Send to the same relay.
func measureMail(ctx context.Context, b *bench) error {
	p, err := b.open(ctx)
	if err != nil {
		return err
	}
	slowSize, hugeSize, decisions, baselineMails := 10_000, 100_000, 60, 4_000
	if b.quick {
		slowSize, hugeSize, decisions, baselineMails = 4_000, 100_000, 25, 2_000
	}
	for list, n := range map[string]int{bulkList: bulkSize, slowList: slowSize, warmList: warmSize, hugeList: hugeSize} {
		if err := p.list(ctx, list, n); err != nil {
			return err
		}
	}
	for _, name := range []string{"web", "consumers"} {
		if err := p.run(ctx, name); err != nil {
			return err
		}
	}
	m := &mailBench{bench: b, p: p}
	for _, step := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"mail", m.warm},
		{"mail.rate", func(ctx context.Context) error { return m.rate(ctx, baselineMails) }},
		{"mail.chunking", func(ctx context.Context) error { return m.chunking(ctx, "mail.rate_chunking", 1, baselineMails) }},
		{"mail.window", func(ctx context.Context) error { return m.chunking(ctx, "mail.rate_window", 4, baselineMails) }},
		{"mail.5ms", func(ctx context.Context) error {
			return m.far(ctx, "mail.rate_5ms", 5*time.Millisecond, slowSize, 1_000)
		}},
		{"mail.20ms", func(ctx context.Context) error {
			return m.far(ctx, "mail.rate_20ms", 20*time.Millisecond, slowSize, 400)
		}},
		{"mail.first", func(ctx context.Context) error { return m.first(ctx, decisions) }},
		{"mail.growth", func(ctx context.Context) error { return m.growth(ctx, hugeSize) }},
	} {
		if !b.wants(step.name) {
			continue
		}
		if err := step.do(ctx); err != nil {
			return err
		}
	}
	return errors.Join(p.end("worker"), p.end("consumers"))
}

// mailBench is the mail part's state.
type mailBench struct {
	*bench
	p          *plant
	text, html string // of the baseline's mails: the very text that the product sends
	subject    string
	warmPeak   float64 // MB of a worker that has mailed 1,000
	articles   int
}

// campaign is what one newsletter took.
type campaign struct {
	mails       int
	first, last time.Duration // after the release
	span        time.Duration // from the first mail to the last
	took        time.Duration // from the decision to the closed issue
	used, idle  usage         // CPU; idle already taken away from used
	activities  int
	size        float64 // bytes of a mail
	issue       string
	commits     int64 // transactions of the product's database
	books       usage // PostgreSQL's CPU by who asked
}

func (c campaign) rate() float64 { return float64(c.mails-1) / c.span.Seconds() }

func (c campaign) cpuPer1000() float64 { return c.used.sum().Seconds() / float64(c.mails) * 1000 }

// relay starts a sink and a fresh worker that mails to it, with settings of its own.
func (m *mailBench) relay(ctx context.Context, o sinkOptions, settings ...string) (*sink, error) {
	s, err := startSink(o)
	if err != nil {
		return nil, err
	}
	if err := m.p.run(ctx, "worker", append(settings, "SMTP_URL="+s.url())...); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// ready brings an article before the leader and waits until nothing moves any more.
func (m *mailBench) ready(ctx context.Context, s *sink, list string) (article string, err error) {
	s.count(list + "-")
	m.articles++
	if article, err = m.p.article(ctx, list, fmt.Sprintf("Ký kết chương trình phối hợp số %d", m.articles)); err != nil {
		return "", err
	}
	if err := m.p.forward(ctx, article); err != nil {
		return "", err
	}
	if _, err := s.letter(ctx, leaderEmail); err != nil {
		return "", err
	}
	return article, m.p.rest(ctx)
}

// campaign publishes an article to a list of n and waits until the newsletter is closed. Each recipient must have got one mail.
func (m *mailBench) campaign(ctx context.Context, s *sink, list string, n int) (c campaign, err error) {
	article, err := m.ready(ctx, s, list)
	if err != nil {
		return c, err
	}
	const span = 3 * time.Second
	if c.idle, err = m.p.idle(ctx, span); err != nil {
		return c, err
	}
	commits, books, err := m.p.books(ctx)
	if err != nil {
		return c, err
	}
	before, began := m.p.used(), time.Now()
	if err := m.p.approve(ctx, article); err != nil {
		return c, err
	}
	if err := m.follow(ctx, s, article, n); err != nil {
		return c, err
	}
	if c.issue, err = m.closed(ctx, article, n); err != nil {
		return c, err
	}
	c.took = time.Since(began)
	c.used = m.p.used().minus(before).without(c.idle, span, c.took)
	if c.commits, c.books, err = m.p.books(ctx); err != nil {
		return c, err
	}
	c.commits, c.books = c.commits-commits, c.books.minus(books)
	released, err := m.p.released(ctx, article)
	if err != nil {
		return c, err
	}
	mails := s.mails()
	c.mails, c.size = n, s.size()
	c.first, c.last, c.span = mails[0].at.Sub(released), mails[n-1].at.Sub(released), mails[n-1].at.Sub(mails[0].at)
	c.activities, err = m.activities(ctx, c.issue)
	return c, err
}

// follow waits for the last mail and holds the relay's books: everybody once.
func (m *mailBench) follow(ctx context.Context, s *sink, article string, n int) error {
	limit, cancel := context.WithTimeout(ctx, 4*time.Minute)
	defer cancel()
	if err := s.await(limit, n); err != nil {
		_, status, counts, _ := m.p.issue(ctx, article)
		return fmt.Errorf("%w (issue %s, %+v): %s", err, status, counts, m.p.roles["worker"].said())
	}
	once := make(map[string]bool, n)
	for _, mail := range s.mails() {
		if once[mail.to] {
			return fmt.Errorf("two mails to %s", mail.to)
		}
		once[mail.to] = true
	}
	if len(once) != n {
		return fmt.Errorf("%d people got a mail, not %d", len(once), n)
	}
	return nil
}

// closed waits until the issue is over and holds the ledger's equation.
func (m *mailBench) closed(ctx context.Context, article string, n int) (issue string, err error) {
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		id, status, counts, err := m.p.issue(ctx, article)
		if err != nil {
			return "", err
		}
		if status == newsroom.IssueDone {
			if counts.Sent != n || !counts.Balanced() {
				return "", fmt.Errorf("the ledger says %+v of %d", counts, n)
			}
			return id, nil
		}
	}
	return "", errors.New("the issue was not closed within a minute")
}

// activities counts the activities of a newsletter's workflow.
func (m *mailBench) activities(ctx context.Context, issue string) (n int, err error) {
	history := m.p.dispatch.Temporal().GetWorkflowHistory(ctx, workflows.DeliveryID(issue), "", false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for history.HasNext() {
		event, err := history.Next()
		if err != nil {
			return n, err
		}
		if event.GetEventType() == enums.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED {
			n++
		}
	}
	return n, nil
}

// warm mails once, so that caches are filled as in a newsroom that runs, and takes the text for the baseline from that mail.
func (m *mailBench) warm(ctx context.Context) error {
	s, err := m.relay(ctx, sinkOptions{pipelining: true})
	if err != nil {
		return err
	}
	defer s.close()
	c, err := m.campaign(ctx, s, warmList, warmSize)
	if err != nil {
		return err
	}
	if m.warmPeak, err = peakMemory(m.p.roles["worker"].cmd.Process.Pid); err != nil {
		return err
	}
	if err := m.p.db.QueryRow(ctx, `SELECT subject, body_text, html FROM mail_issues WHERE id = $1`, c.issue).Scan(&m.subject, &m.text, &m.html); err != nil {
		return err
	}
	for _, part := range []*string{&m.text, &m.html} {
		for _, slot := range []string{"/leave", "/prefs"} {
			*part = strings.ReplaceAll(*part, "https://slot.invalid/"+c.issue+slot, baselineLeave)
		}
		*part = strings.ReplaceAll(*part, "slot-"+c.issue+"-since", "02/10/2018")
	}
	say("a mail: %d bytes of HTML, %d of text, %.0f on the wire", len(m.html), len(m.text), c.size)
	return nil
}

// baseline is go-mail's own Send to the same sink.
func (m *mailBench) baseline(ctx context.Context, s *sink, mails int, encoding string) (baselineResult, error) {
	s.count("reader")
	host, port, _ := strings.Cut(s.addr(), ":")
	job := baselineJob{
		Host: host, Connections: connections, Mails: mails, Encoding: encoding, From: "tin@vankhe.example.vn",
		Subject: m.subject, Text: m.text, HTML: m.html,
	}
	if _, err := fmt.Sscan(port, &job.Port); err != nil {
		return baselineResult{}, err
	}
	out, err := baseline(ctx, job)
	if err == nil && len(s.mails()) != mails {
		err = fmt.Errorf("the baseline sent %d of %d mails", len(s.mails()), mails)
	}
	return out, err
}

// around measures the baseline before and after what do measures, since the machine may have other work: their mean counts.
func (m *mailBench) around(ctx context.Context, s *sink, mails int, do func() error) (baselineResult, error) {
	before, err := m.baseline(ctx, s, mails/2, "quoted-printable")
	if err != nil {
		return before, err
	}
	if err := do(); err != nil {
		return before, err
	}
	after, err := m.baseline(ctx, s, mails/2, "quoted-printable")
	say("go-mail Send: %.0f/s before, %.0f/s after", before.rate(mails/2), after.rate(mails/2))
	return baselineResult{Seconds: before.Seconds + after.Seconds, CPU: before.CPU + after.CPU}, err
}

func (m *mailBench) rate(ctx context.Context, mails int) error {
	s, err := m.relay(ctx, sinkOptions{pipelining: true})
	if err != nil {
		return err
	}
	defer s.close()
	var c campaign
	var peak float64
	base, err := m.around(ctx, s, mails, func() (err error) {
		if c, err = m.campaign(ctx, s, bulkList, bulkSize); err != nil {
			return err
		}
		peak, err = peakMemory(m.p.roles["worker"].cmd.Process.Pid)
		return err
	})
	if err != nil {
		return err
	}
	eight, err := m.baseline(ctx, s, mails/2, "8bit")
	if err != nil {
		return err
	}
	m.tell(c)
	r := m.report
	r.against("mail.rate", c.rate(), base.rate(mails), "mails/s", "DATA with PIPELINING; baseline: go-mail Send, 10 connections")
	r.against("mail.rate_vs_8bit", c.rate(), eight.rate(mails/2), "mails/s", "baseline: go-mail Send with 8bit, its fastest encoding")
	r.against("mail.cpu_s_per_1000", c.cpuPer1000(), base.cpuPer1000(mails), "s", "app + PostgreSQL + temporald without idle; baseline: go-mail's process alone")
	r.value("mail.rss_mb", peak, "MB", "peak of a worker process that mailed 20,000")
	r.value("mail.last_s", c.last.Seconds(), "s", "release to the 20,000th mail")
	r.value("mail.activities", float64(c.activities), "", "Temporal activities for 20,000 recipients")
	return nil
}

// tell prints what a campaign took, and what the processes use with nothing to do.
func (m *mailBench) tell(c campaign) {
	say("%d mails: first after %.0f ms, last after %.2f s, closed after %.2f s, %.0f/s, %d activities",
		c.mails, milliseconds(c.first), c.last.Seconds(), c.took.Seconds(), c.rate(), c.activities)
	say("CPU s: %s; of PostgreSQL's: %s; %d transactions", c.used, c.books, c.commits)
	say("idle CPU s in 3 s, taken away: %s", c.idle)
}

// chunking is a relay that takes a mail in one piece; window mails of a connection may be under way at once.
func (m *mailBench) chunking(ctx context.Context, name string, window, mails int) error {
	s, err := m.relay(ctx, sinkOptions{pipelining: true, chunking: true}, fmt.Sprintf("MAIL_WINDOW=%d", window))
	if err != nil {
		return err
	}
	defer s.close()
	var c campaign
	base, err := m.around(ctx, s, mails, func() (err error) { c, err = m.campaign(ctx, s, bulkList, bulkSize); return err })
	if err != nil {
		return err
	}
	m.tell(c)
	m.report.against(name, c.rate(), base.rate(mails), "mails/s", fmt.Sprintf("BDAT, %d in doubt when a connection dies; baseline: go-mail Send, which knows DATA only", window))
	m.report.against(name+"_cpu", c.cpuPer1000(), base.cpuPer1000(mails), "s", "CPU for 1,000; baseline: go-mail's process alone")
	return nil
}

// far is a relay that answers after a while.
func (m *mailBench) far(ctx context.Context, name string, delay time.Duration, n, mails int) error {
	s, err := m.relay(ctx, sinkOptions{pipelining: true, delay: delay})
	if err != nil {
		return err
	}
	defer s.close()
	var c campaign
	base, err := m.around(ctx, s, mails, func() (err error) { c, err = m.campaign(ctx, s, slowList, n); return err })
	if err != nil {
		return err
	}
	m.tell(c)
	m.report.against(name, c.rate(), base.rate(mails), "mails/s", fmt.Sprintf("%v before each reply, 10 connections, DATA", delay))
	return nil
}

// first measures the time from the release to the first mail of a list of 20,000, many times; the rest of each issue is stopped.
func (m *mailBench) first(ctx context.Context, decisions int) error {
	s, err := m.relay(ctx, sinkOptions{pipelining: true})
	if err != nil {
		return err
	}
	defer s.close()
	var firsts []time.Duration
	var steps [4][]time.Duration
	for range decisions {
		article, err := m.ready(ctx, s, bulkList)
		if err != nil {
			return err
		}
		if err := m.p.approve(ctx, article); err != nil {
			return err
		}
		limit, cancel := context.WithTimeout(ctx, time.Minute)
		err = s.await(limit, 1)
		cancel()
		if err != nil {
			return err
		}
		released, err := m.p.released(ctx, article)
		if err != nil {
			return err
		}
		firsts = append(firsts, s.mails()[0].at.Sub(released))
		if err := m.stop(ctx, article); err != nil {
			return err
		}
		reached, err := m.p.reached(ctx, article)
		if err != nil {
			return err
		}
		for i, at := range reached {
			steps[i] = append(steps[i], at.Sub(released))
		}
	}
	for i, step := range []string{"opened by the consumer", "text and recipients frozen", "first chunk leased", "first dot permitted"} {
		say("%s: p50 %.0f ms, p99 %.0f ms after the release", step, quantile(steps[i], 0.5), quantile(steps[i], 0.99))
	}
	m.report.value("mail.first_p50_ms", quantile(firsts, 0.5), "ms", fmt.Sprintf("release to the first of 20,000 mails, %d releases", decisions))
	m.report.value("mail.first_p99_ms", quantile(firsts, 0.99), "ms", "")
	return nil
}

// stop ends an issue and waits until it is over.
func (m *mailBench) stop(ctx context.Context, article string) error {
	id, _, _, err := m.p.issue(ctx, article)
	if err != nil {
		return err
	}
	if err := errors.Join(m.p.store.StopIssue(ctx, m.p.people.leader, id), m.p.dispatch.StopDelivery(ctx, id)); err != nil {
		return err
	}
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if _, _, counts, err := m.p.issue(ctx, article); err != nil || counts.Candidates > 0 {
			return err
		}
	}
	return errors.New("a stopped issue was not closed within a minute")
}

// growth mails to 100,000 and asks meanwhile for approvals, whose letters must not wait behind the newsletter.
func (m *mailBench) growth(ctx context.Context, n int) error {
	s, err := m.relay(ctx, sinkOptions{pipelining: true})
	if err != nil {
		return err
	}
	defer s.close()
	const asks = 60
	waiting := make([]string, 0, asks)
	for range asks {
		m.articles++
		id, err := m.p.article(ctx, warmList, fmt.Sprintf("Bài chờ duyệt số %d", m.articles))
		if err != nil {
			return err
		}
		waiting = append(waiting, id)
	}
	article, err := m.ready(ctx, s, hugeList)
	if err != nil {
		return err
	}
	if err := m.p.approve(ctx, article); err != nil {
		return err
	}
	if err := s.await(ctx, 1000); err != nil {
		return err
	}
	began := time.Now()
	var waits []time.Duration
	for _, id := range waiting {
		if len(s.mails()) > n-n/20 {
			break
		}
		asked := time.Now()
		if err := m.p.forward(ctx, id); err != nil {
			return err
		}
		var at time.Time
		for at.Before(asked) { // the receipt of an earlier decision may lie there too
			var err error
			if at, err = s.letter(ctx, leaderEmail); err != nil {
				return err
			}
		}
		waits = append(waits, at.Sub(asked))
		time.Sleep(100 * time.Millisecond) // a newsroom asks now and then
	}
	asking := time.Since(began)
	if err := m.follow(ctx, s, article, n); err != nil {
		return err
	}
	if _, err := m.closed(ctx, article, n); err != nil {
		return err
	}
	peak, err := peakMemory(m.p.roles["worker"].cmd.Process.Pid)
	if err != nil {
		return err
	}
	mails := s.mails()
	span := mails[n-1].at.Sub(mails[0].at)
	say("%d mails in %.1f s (%.0f/s), %d approvals asked for in the first %.1f s", n, span.Seconds(), float64(n)/span.Seconds(), len(waits), asking.Seconds())
	m.report.against("mail.rss_growth_100k", peak, m.warmPeak, "MB", "a worker's peak after 100,000 mails; baseline: after 1,000")
	m.report.value("mail.approval_p50_ms", quantile(waits, 0.5), "ms", "")
	m.report.value("mail.approval_p99_ms", quantile(waits, 0.99), "ms", fmt.Sprintf("forward to the leader's mail while the newsletter runs, %d samples", len(waits)))
	return nil
}
