package newsroom

import "time"

// Settled is what a settling transaction leaves for its workflow: ids, codes and times only.
type Settled struct {
	Outcome  Outcome    `json:"outcome"`
	Stage    Stage      `json:"stage"`
	Public   Public     `json:"public"`
	Revision int        `json:"revision"`
	Section  string     `json:"section"`
	Author   string     `json:"author"`
	Due      *time.Time `json:"due,omitempty"`  // of the running clock
	Wake     *time.Time `json:"wake,omitempty"` // when the clock has something to do next
	Idle     bool       `json:"idle"`           // nothing is open: the run may end

	Announce []Announcement `json:"announce,omitempty"` // events, first emission
	Publish  []int64        `json:"publish,omitempty"`  // publications to follow until every receipt is in
	Letters  []string       `json:"letters,omitempty"`  // ids of the letters written
	Stop     bool           `json:"stop,omitempty"`     // a running mail issue of the article must stop
}

// Announcement is one event to emit.
type Announcement struct {
	Verb     string     `json:"verb"` // of article.*; "due" for review.due_soon and review.overdue
	N        int64      `json:"n"`
	Revision int        `json:"revision"`
	Stage    Stage      `json:"stage"`
	Public   Public     `json:"public"`
	Section  string     `json:"section"`
	ActorID  string     `json:"actor_id,omitempty"`
	Capacity Capacity   `json:"capacity,omitempty"`
	Code     ReasonCode `json:"reason_code,omitempty"`
	Kind     ChangeKind `json:"kind,omitempty"`
	Mark     int        `json:"mark,omitempty"`
	At       time.Time  `json:"at"`
}
