package newsroom

import "time"

// Outcome is the answer to a request: what became of the move, the same for every repeat of its id.
type Outcome struct {
	RequestID string     `json:"request_id"`
	ArticleID string     `json:"article_id"`
	Move      Move       `json:"move"`
	Stage     Stage      `json:"stage"`
	Public    Public     `json:"public"`
	Revision  int        `json:"revision"`
	N         int64      `json:"n,omitempty"`       // audit sequence of the move
	Publish   int64      `json:"publish,omitempty"` // n of the publication it settled; 0 none
	At        time.Time  `json:"at"`
	Refused   *MoveError `json:"refused,omitempty"` // the move was refused, nothing was changed
	Pending   bool       `json:"-"`                 // recorded, not settled yet
}

// HistoryRow is one line of an article's record (Nhật ký xử lý).
type HistoryRow struct {
	N          int64      `json:"n"`
	At         time.Time  `json:"at"`
	ActorID    string     `json:"actor_id"`
	ActorName  string     `json:"actor"`
	Capacity   Capacity   `json:"capacity"`
	OnBehalfOf string     `json:"on_behalf_of,omitempty"` // name
	Door       Door       `json:"door"`
	Action     string     `json:"action"`
	From       Stage      `json:"from"`
	To         Stage      `json:"to"`
	Public     Public     `json:"public"`
	Revision   int        `json:"revision"`
	Hash       string     `json:"content_hash"`
	Code       ReasonCode `json:"reason_code,omitempty"`
	Reason     string     `json:"reason,omitempty"`
}

// Revision is a frozen text.
type Revision struct {
	ArticleID string
	N         int
	Content   Content
	Hash      string
	By        string // account id
	ByName    string
	At        time.Time
}

// Draft is the working text of an article with its version, the ETag.
type Draft struct {
	Article Article
	Content Content
	By      string // who saved last
	ByName  string
	SavedAt time.Time
}
