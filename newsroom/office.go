package newsroom

import "time"

// Section (chuyên mục) is where readers find articles and what reviewers and subscribers are given.
type Section struct {
	ID       string // slug, in public addresses: never changed
	NameVI   string
	NameEN   string
	Position int
	Retired  bool // takes no new articles, keeps its page
}

// Name is the section's name in locale; Vietnamese where there is no other.
func (s Section) Name(locale string) string {
	if locale == "en" && s.NameEN != "" {
		return s.NameEN
	}
	return s.NameVI
}

// Office is a position that is asked for approval.
type Office struct {
	ID          string
	Name        string
	Chief       bool // asked where an office has no deputy
	Position    int
	Holders     []Holder
	Delegations []Delegation
}

// Holder is a person in an office for a time.
type Holder struct {
	OfficeID string
	UserID   string
	Name     string
	From     time.Time
	To       *time.Time
	Deputy   bool // asked only when the holder's time is over
	Active   bool // the account may act and is a leader
}

// Delegation (ủy quyền) lets another person decide for a holder between two dates.
type Delegation struct {
	ID       string
	OfficeID string
	From     string // user ids
	FromName string
	To       string
	ToName   string
	Start    time.Time
	End      time.Time
	Reason   string
	EndedAt  *time.Time // ended before its date
}

// Runs reports whether d is in force at t.
func (d Delegation) Runs(t time.Time) bool {
	return d.EndedAt == nil && !t.Before(d.Start) && t.Before(d.End)
}

// CalendarDay is a day that differs from its weekday.
type CalendarDay struct {
	Date Date
	Kind DayKind
	Name string
}

// PolicyVersion is one version of a section's policy as it was written.
type PolicyVersion struct {
	Section string // "": the whole office
	Version int
	Policy  Policy
	By      string // name
	At      time.Time
}
