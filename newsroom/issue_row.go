package newsroom

import "time"

// IssueOpened is what a public change did to the newsletters.
type IssueOpened struct {
	Issues     []string // to be mailed
	Stopped    []string // running ones that were stopped
	Candidates int      // confirmed subscribers as counted when the issues were opened
	Again      bool     // the event was handled before: nothing was done
}

// UntoldIssue is an issue about which somebody asked something at a moment, of which its run may not have heard.
type UntoldIssue struct {
	ID string
	At time.Time
}

// LedgerLife is how long a finished issue keeps a row for each recipient; its counts stay for ever.
const LedgerLife = 90 * 24 * time.Hour

// Counted reports that an issue is so old that its rows are counts, or may be any day: nothing can be done to it any more.
func (i Issue) Counted(now time.Time) bool {
	return i.FinishedAt != nil && now.Sub(*i.FinishedAt) > LedgerLife
}

// FoundInLog is the DeliveryRow.Stage of a mail that was sent because the relay's log has it: Reply is what the relay calls it.
const FoundInLog = "log"

// DeliveryRow is one recipient of an issue in the desk's table.
type DeliveryRow struct {
	SubscriberID string
	Email        string
	State        DeliveryState
	Attempt      int
	Code         int
	Enhanced     string
	Stage        string
	Reply        string
	Next         *time.Time
	DoneAt       *time.Time
	MessageID    string // without its domain; "" before the row is made
}

// DeliveryFilter narrows an issue's recipients. After is the subscriber id of the last row seen.
type DeliveryFilter struct {
	State DeliveryState
	Query string // part of an address
	After string
	Limit int
}

// DeliveryStanding is what an issue's workflow needs: counts and times, no address.
type DeliveryStanding struct {
	IssueID   string      `json:"issue_id"`
	ArticleID string      `json:"article_id,omitempty"`
	Status    string      `json:"status"`
	Chunks    int         `json:"chunks"`
	Counts    IssueCounts `json:"counts"`
	Due       []int       `json:"due,omitempty"`  // chunks with something to send now
	Next      *time.Time  `json:"next,omitempty"` // when something waiting is due; nil: nothing waits for a time
}

// Statuses of an issue.
const (
	IssuePreparing = "preparing" // its recipients are being frozen
	IssuePrepared  = "prepared"  // frozen and counted, nothing sent yet
	IssueSending   = "sending"
	IssuePaused    = "paused"  // a person, or too many failures: waits for a person
	IssueDone      = "done"    // every recipient is in a final state
	IssueAborted   = "aborted" // stopped: the rest was cancelled
)

// Why an issue was stopped that another one has replaced: it never goes on.
const (
	StopSuperseded = "superseded" // its article was corrected
	StopRecomposed = "recomposed" // an article of a digest was taken from the readers
)

// Replaced reports that another issue goes out in this one's place.
func (i Issue) Replaced() bool { return i.Why == StopSuperseded || i.Why == StopRecomposed }

// Over reports that nothing of the issue goes out any more by itself.
func (i Issue) Over() bool { return i.Status == IssueDone || i.Status == IssueAborted }

// Resumable reports that the issue was paused or stopped and may go on, where readers see what it tells.
func (i Issue) Resumable(now time.Time) bool {
	return (i.Status == IssuePaused || i.Status == IssueAborted) && !i.Replaced() && !i.Counted(now)
}

// Retryable reports that mails of the issue that failed may be sent again, where readers see what it tells.
func (i Issue) Retryable(now time.Time) bool {
	return i.Status != IssueAborted && i.Status != IssuePreparing && !i.Counted(now)
}

// HoldFormer is why an article's issue waits after a correction: the one before was paused or stopped, and resuming is a person's
// decision.
const HoldFormer = "former"

// HoldGate begins why an issue waits for the sender's domain to be put in order; what failed follows: "gate:spf,dmarc".
const HoldGate = "gate:"

// Kinds of an issue.
const (
	IssueArticle    = "article"
	IssueCorrection = "correction"
	IssueDigest     = "digest"
)
