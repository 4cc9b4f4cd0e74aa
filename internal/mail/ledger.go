package mail

import (
	"context"
	"time"

	"toasoan/newsroom"
)

// Ledger is where every mail stands, one row each, in Postgres: the only truth about what may have been sent. The
// courier declares it and internal/store meets it without importing this package, which is why the structs that travel
// are aliases of plain struct types. Every method commits durably (synchronous_commit = on) before it returns, may be
// repeated after an error, and takes the courier's clock as now.
//
// The fence: a chunk and a letter carry a lease number that grows whenever somebody takes them. Every later write names
// the lease it works under and changes nothing where the row's lease is another one.
type Ledger interface {
	// Issue returns the frozen master copy of an issue, newsroom.ErrNotFound where there is none.
	Issue(ctx context.Context, issueID string) (IssueCopy, error)

	// LeaseChunk increments the chunk's lease and returns it: whoever held the chunk before can commit nothing more.
	// Rows that still stand at `dot` under an older lease become `in_doubt`, due again at dot_at + resendAfter; with
	// resendAfter 0 they are held (never due). A row that was already sent a second time becomes `in_doubt_resent`.
	LeaseChunk(ctx context.Context, issueID string, chunk int, now time.Time, resendAfter time.Duration) (lease int64, err error)

	// Claim takes up to limit rows of the chunk for lease and returns them with their tokens, by subscriber id. It takes
	// rows that are `pending`, `claimed` under an older lease, or `soft` or `in_doubt` and due at now; SKIP LOCKED. They
	// become `claimed`; a row that was `in_doubt` is marked as resent for ever. Whoever left or was suppressed since the
	// freeze becomes `suppressed` instead, an address that was erased too; of an aborted issue every open row becomes
	// `cancelled`; of a paused issue nothing is taken. Recipient.Attempt counts the results the row had before (soft
	// refusals and doubts), Recipient.Code is the last one's. No rows and no error: nothing is due, or lease is no longer the newest.
	Claim(ctx context.Context, issueID string, chunk int, lease int64, limit int, now time.Time) ([]newsroom.Recipient, error)

	// Chunk counts the rows of the chunk as they stand, and says when the next waiting one is due (nil: none waits for a
	// time) and the issue's status.
	Chunk(ctx context.Context, issueID string, chunk int) (counts newsroom.IssueCounts, next *time.Time, status string, err error)

	// LeaseLetter takes a letter that is `pending`, `claimed`, or `soft` or `in_doubt` and due at now, and returns its view
	// with fresh tokens. A letter that stands at `dot` is in doubt: it becomes `in_doubt`, due at dot_at + resendAfter, or
	// `in_doubt_resent` when it was sent twice already. Where there is nothing to send the State says why: a final one, or
	// `soft` or `in_doubt` with Next; `suppressed` for a letter whose link died or whose addressee is gone.
	LeaseLetter(ctx context.Context, letterID string, now time.Time, resendAfter time.Duration) (LetterLease, error)

	// Doubts lists the mails of a chunk that are in doubt and wait for their second copy, LetterDoubts the letter if it does. One that
	// the relay's log cannot tell from an earlier copy of it, which came back, has no MessageID.
	Doubts(ctx context.Context, issueID string, chunk int) ([]Doubt, error)
	LetterDoubts(ctx context.Context, letterID string) ([]Doubt, error)

	// Resolve ends a doubt: a mail with a Reply was taken by the relay at its dot and becomes `sent`, another one is held for a
	// person and never due, unless it was being sent once more already. Nothing changes where the mail does not wait in doubt any more.
	Resolve(ctx context.Context, d Doubt, now time.Time) error

	// Commit writes entries in ONE transaction, results before dots, and returns for each the state its row has now, in
	// the order given; "" where the lease no longer matches, or the dot was permitted to another connection. Repeating the same entries
	// answers the same: a dot is known by its At.
	//
	// An entry with State `dot` asks for permission to let the relay accept the mail: granted (answer `dot`) only while
	// the row is `claimed` under the lease, the subscriber has not left or been suppressed, and the issue is neither
	// paused nor stopped. Otherwise the row becomes, and the answer is, `suppressed`, `cancelled` (aborted issue) or
	// `pending` (paused issue).
	//
	// Every other State is a result for a row that is `claimed` or `dot` under the lease: `sent` of a row marked as
	// resent is kept (and answered) as `in_doubt_resent`, and so is a second `in_doubt`; `pending` gives the row back
	// untouched, for no copy can exist; the answer to a dot of the lease before ends the doubt of a row that is `in_doubt` already
	// and not sent once more; `soft` and `in_doubt` add one to the attempts and set next_attempt; `hard` with
	// Suppress also writes a suppression (why `hard`, scope `all`) for the address.
	Commit(ctx context.Context, entries []Entry) ([]newsroom.DeliveryState, error)

	// LeasePlaces takes n places in the row of newsletters under key ("" all, otherwise the domain they go to), each gap after the
	// one before: the first follows the last that anybody took, and is not before lead from now. first and now are moments of the
	// ledger's clock. taken false: the row reaches further than a second ahead, and nothing was taken.
	LeasePlaces(ctx context.Context, key string, n int, gap, lead time.Duration) (first, now time.Time, taken bool, err error)

	// Paces is what an admin has set, and by key the mails per second that are left of a pace that the relay asked to slow down; ease
	// is how long that takes to rise by a tenth.
	Paces(ctx context.Context, ease time.Duration) (set newsroom.MailLimits, slowed map[string]float64, err error)

	// SlowDown halves a pace for the whole installation, at most once a second and to no less than one mail a second; from is the
	// pace at which the relay complained.
	SlowDown(ctx context.Context, key string, from float64, ease time.Duration) error

	// SeekSeats says for life how many seats a holder could use under each key, none under all others, and returns by key what everybody
	// wants who has said so and lives, holder included. now is the ledger's clock.
	SeekSeats(ctx context.Context, holder string, wants map[string]int, life time.Duration) (all map[string]map[string]int, now time.Time, err error)

	// TakeSeats takes up to want of the seats 1 to most under key that nobody holds, for life.
	TakeSeats(ctx context.Context, key, holder string, most, want int, life time.Duration) ([]int, error)

	// KeepSeats renews those of a holder's seats, gives all its others back, and returns what the holder has now.
	KeepSeats(ctx context.Context, holder string, seats map[string][]int, life time.Duration) (map[string][]int, error)
}

// IssueCopy is an issue as frozen: what every one of its mails is made from.
type IssueCopy = struct {
	Issue      newsroom.Issue
	HTML       string // with slots, as Master.HTML gave it
	Text       string // with slots, as Master.Text gave it
	ListName   string // name of the section, for List-Id
	ArchiveURL string // page of the section, for List-Archive; "" none
	Portal     string // the portal's name: the sender's name where the settings give none
}

// LetterLease is one letter taken for sending. Its View is whole only when State is `claimed`.
type LetterLease = struct {
	View    newsroom.LetterView
	Lease   int64
	Attempt int // results it had before: soft refusals and doubts
	Code    int // of the last of them; 0 none
	State   newsroom.DeliveryState
	Next    *time.Time
}

// Entry is one row's change: the row by (IssueID, SubscriberID) for a newsletter or by LetterID for a letter.
type Entry = struct {
	IssueID      string
	SubscriberID string
	LetterID     string
	Lease        int64
	State        newsroom.DeliveryState
	At           time.Time  // dot_at of a dot, done_at of a final result
	BodyHash     []byte     // dot: Fingerprint of the unsigned bytes
	Next         *time.Time // soft, in_doubt: when it is due again; nil: held
	Stage        string     // where the conversation ended: mail, rcpt, data, body, dot; never an address
	Code         int        // SMTP code, 0 none
	Enhanced     string     // 5.1.1; "" none
	Reply        string     // the relay's words without addresses, one line, at most 300 characters
	Suppress     bool       // hard: nothing may be sent to this address again
}
