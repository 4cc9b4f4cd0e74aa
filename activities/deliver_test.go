package activities_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"go.temporal.io/sdk/testsuite"

	"toasoan/activities"
	"toasoan/newsroom"
)

// shut is a gate that lets nothing through, a courier that notes what it was given all the same, and issues that note what held them.
type shut struct {
	activities.Issues
	chunks, letters int
	held            []string
}

func (s *shut) HoldIssue(_ context.Context, issueID, why string, _ time.Time) error {
	s.held = append(s.held, issueID+" "+why)
	return nil
}

func (*shut) Closed(context.Context) []string { return []string{"spf", "dmarc"} }

func (*shut) Compose(newsroom.IssueView) (m activities.IssueMaster, err error) { return m, nil }

func (s *shut) SendChunk(context.Context, string, int, func()) (out activities.ChunkOutcome, err error) {
	s.chunks++
	return out, nil
}

func (s *shut) SendLetter(context.Context, string) (activities.LetterOutcome, error) {
	s.letters++
	return activities.LetterOutcome{State: newsroom.DeliverySent}, nil
}

// A closed gate holds newsletters with what is wrong; approvals and opt-ins go out.
func TestAClosedGateHoldsNewslettersOnly(t *testing.T) {
	t.Parallel()
	s := &shut{}
	desk := &activities.Desk{Now: time.Now, Mail: activities.Mailing{Courier: s, Gate: s, Issues: s}}
	suite := testsuite.WorkflowTestSuite{}
	env := suite.NewTestActivityEnvironment()
	env.RegisterActivity(desk)
	value, err := env.ExecuteActivity(desk.SendChunk, activities.ChunkInput{IssueID: "i"})
	if err != nil {
		t.Fatal(err)
	}
	var chunk activities.ChunkResult
	if err := value.Get(&chunk); err != nil || !chunk.Held || s.chunks != 0 || !slices.Equal(s.held, []string{"i " + newsroom.HoldGate + "spf,dmarc"}) {
		t.Errorf("chunk %+v, %v; held %q; the courier was asked %d times", chunk, err, s.held, s.chunks)
	}
	if value, err = env.ExecuteActivity(desk.SendLetter, activities.LetterInput{LetterID: "l"}); err != nil {
		t.Fatal(err)
	}
	var letter activities.LetterResult
	if err := value.Get(&letter); err != nil || letter.State != newsroom.DeliverySent || s.letters != 1 {
		t.Errorf("letter %+v, %v", letter, err)
	}
}

// alerts notes what is put before the operator.
type alerts struct{ ids []string }

func (a *alerts) RaiseAlert(_ context.Context, id, _ string, _ map[string]any) error {
	a.ids = append(a.ids, id)
	return nil
}

// Whatever addresses strangers type, what is refused makes one alert; each letter of the newsroom's has its own.
func TestStrangersLettersAreOneAlert(t *testing.T) {
	t.Parallel()
	a := &alerts{}
	suite := testsuite.WorkflowTestSuite{}
	env := suite.NewTestActivityEnvironment()
	desk := &activities.Desk{Mail: activities.Mailing{Letters: a}}
	env.RegisterActivity(desk)
	for _, id := range []string{"confirm_subscription/s1/7", "confirm_subscription/s2/8", "approval_request/a/1/leader"} {
		if _, err := env.ExecuteActivity(desk.ReportLetter, activities.FailedLetterInput{LetterID: id, State: newsroom.DeliveryHard}); err != nil {
			t.Fatal(err)
		}
	}
	if want := []string{"letter/confirm_subscription", "letter/confirm_subscription", "letter/approval_request/a/1/leader"}; !slices.Equal(a.ids, want) {
		t.Errorf("alerts %v", a.ids)
	}
}
