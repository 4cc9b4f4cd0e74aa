package workflows

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"go.temporal.io/sdk/testsuite"

	"toasoan/activities"
	"toasoan/newsroom"
)

// press is the world of one publication.
type press struct {
	env     *testsuite.TestWorkflowEnvironment
	missing []newsroom.Effect
	checks  int
	emitted []time.Time
	reports int
}

func newPress(missing ...newsroom.Effect) *press {
	var suite testsuite.WorkflowTestSuite
	p := &press{env: suite.NewTestWorkflowEnvironment(), missing: missing}
	p.env.SetTestTimeout(20 * time.Second)
	p.env.RegisterWorkflow(Publication)
	p.env.OnActivity(desk.CheckReceipts, mock.Anything, mock.Anything).Return(
		func(context.Context, activities.PublicationInput) (activities.ReceiptsResult, error) {
			p.checks++
			return activities.ReceiptsResult{Missing: p.missing}, nil
		})
	p.env.OnActivity(desk.EmitPublication, mock.Anything, mock.Anything).Return(
		func(context.Context, activities.PublicationInput) (struct{}, error) {
			p.emitted = append(p.emitted, p.env.Now())
			return struct{}{}, nil
		})
	p.env.OnActivity(desk.ReportUnconfirmed, mock.Anything, mock.Anything).Return(
		func(context.Context, activities.PublicationInput) (struct{}, error) {
			p.reports++
			return struct{}{}, nil
		})
	return p
}

func (p *press) run(t *testing.T) time.Duration {
	t.Helper()
	began := p.env.Now()
	p.env.ExecuteWorkflow(Publication, PublicationInput{ArticleID: "abc", N: 7})
	if err := p.env.GetWorkflowError(); err != nil {
		t.Fatal(err)
	}
	return p.env.Now().Sub(began)
}

func TestPublicationEndsWithItsLastReceipt(t *testing.T) {
	t.Parallel()
	p := newPress(newsroom.EffectMail)
	for i, after := range []time.Duration{100 * time.Millisecond, 120 * time.Millisecond, 140 * time.Millisecond} {
		p.env.RegisterDelayedCallback(func() {
			if i == 2 {
				p.missing = nil
			}
			p.env.SignalWorkflow(SignalReceipt, nil)
		}, after)
	}
	if took := p.run(t); p.checks != 1 || took > time.Second || len(p.emitted) != 0 {
		t.Errorf("%d checks, %s, %d emissions: three receipts together want one look", p.checks, took, len(p.emitted))
	}
}

// The page has nobody who reports it: it is confirmed as soon as readers see it, whatever else came before.
func TestPublicationSeesThePageWhenReadersDo(t *testing.T) {
	t.Parallel()
	p := newPress(newsroom.EffectPage, newsroom.EffectFeeds)
	for _, after := range []time.Duration{90 * time.Millisecond, 150 * time.Millisecond, 260 * time.Millisecond} {
		p.env.RegisterDelayedCallback(func() { p.env.SignalWorkflow(SignalReceipt, nil) }, after)
	}
	p.env.RegisterDelayedCallback(func() { p.missing = nil }, 400*time.Millisecond)
	if took := p.run(t); took > 600*time.Millisecond || p.checks > 6 {
		t.Errorf("confirmed after %s and %d looks", took, p.checks)
	}
}

func TestPublicationIsAnnouncedAgainUntilSomebodyHears(t *testing.T) {
	t.Parallel()
	p := newPress(newsroom.EffectFeeds, newsroom.EffectMail)
	began := p.env.Now()
	p.env.RegisterDelayedCallback(func() { p.missing = nil }, 10*time.Minute)
	p.run(t)
	var at []time.Duration
	for _, e := range p.emitted {
		at = append(at, e.Sub(began).Round(time.Second))
	}
	want := []time.Duration{30 * time.Second, 90 * time.Second, 210 * time.Second, 510 * time.Second}
	if len(at) != len(want) {
		t.Fatalf("announced again at %v, want %v", at, want)
	}
	for i := range want {
		if at[i] != want[i] {
			t.Errorf("announced again at %v, want %v", at, want)
			break
		}
	}
	if p.reports != 1 {
		t.Errorf("%d reports to the operator, want 1", p.reports)
	}
}

func TestPublicationWithALostNudgeLooksForItself(t *testing.T) {
	t.Parallel()
	p := newPress(newsroom.EffectPage)
	p.env.RegisterDelayedCallback(func() { p.missing = nil }, 5*time.Second)
	if took := p.run(t); len(p.emitted) != 0 || took > 15*time.Second {
		t.Errorf("confirmed after %s with %d emissions", took, len(p.emitted))
	}
}
