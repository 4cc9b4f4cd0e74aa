package newsroom

import "time"

// AskView is what the page behind a mailed approval link shows: one question to one person about one frozen revision, or what
// became of it.
type AskView struct {
	Ask        Ask
	Person     Person // who is asked
	Office     string // name of the office
	Behalf     string // name of whom a deputy signs for
	CreatedAt  time.Time
	Due        time.Time
	Left       time.Duration // working time left; negative: overdue by
	Kind       string        // approval, or second: a second signature is asked for
	Over       string        // "" open; decided, settled, recalled, withdrawn, superseded, undone, expired, delegated, delegation_over, guarded
	ClosedAt   *time.Time
	Article    Article
	Content    Content // the revision that is asked about
	Images     map[string]Image
	Before     *Content // what this person was asked about last, or what readers see now; nil: never
	BeforeLive bool     // Before is what readers see now
	Section    string   // names in Vietnamese and English
	SectionEN  string
	Author     string // name of the account
	Reviewer   string // who forwarded
	Note       string // the reviewer's note
	Policy     Policy
	HasPIN     bool
	Decision   *Decided  // the newest decision of the round, or the second signature
	Own        *Decided  // what this person decided on this question
	Given      []Decided // approvals that the round has so far
	First      *Decided  // second: the act that waits for a second signature
	Live       bool      // readers can see the article now
	Path       string    // of the public page; "" never published
}

// Decided is one decision on record.
type Decided struct {
	RequestID  string
	By         string // name
	ByID       string
	Title      string
	Capacity   Capacity
	OnBehalfOf string // name
	Move       Move
	Code       ReasonCode
	Reason     string
	At         time.Time
	Step       int // of the policy; -1: beside its steps
	ReleasedAt *time.Time
}

// Disowned is what the "not me" page shows: the decision that a receipt confirmed.
type Disowned struct {
	LinkID    string
	ArticleID string
	Title     string
	Person    Person
	Decision  Decided
	Used      bool // it was disowned already
	Stage     Stage
	Public    Public
}
