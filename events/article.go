package events

import (
	"fmt"
	"time"
)

// Article is the data of every article.* event: ids and codes only. Fields are only ever added; a changed meaning is a new
// type whose subject ends in .v2.
//
// Heard by: feeds, counters and mailer (the public changes); each web node's page cache (public changes) and live board (all).
type Article struct {
	ArticleID  string    `json:"article_id"`
	N          int64     `json:"n"`        // audit sequence of the change within the article
	Revision   int       `json:"revision"` // newest frozen revision; of a public change: the one readers see
	SectionID  string    `json:"section_id"`
	Stage      string    `json:"stage"`
	Public     string    `json:"public"`
	ActorID    string    `json:"actor_id,omitempty"` // "" the workflow
	Capacity   string    `json:"capacity,omitempty"`
	ReasonCode string    `json:"reason_code,omitempty"`
	Kind       string    `json:"kind,omitempty"` // corrected: minor | correction
	At         time.Time `json:"at"`

	verb string
}

// ArticleVerbs lists what can happen to an article, as in the subject newsroom.article.<verb>.v1.
var ArticleVerbs = []string{
	"submitted", "claimed", "returned", "forwarded", "approved", "rejected", "recalled", "scheduled",
	"published", "corrected", "withdrawn", "taken_down", "restored", "expired",
}

// PublicVerbs lists the article events that change what readers see.
var PublicVerbs = []string{"published", "corrected", "withdrawn", "taken_down", "restored", "expired"}

// With returns a named as what happened.
func (a Article) With(verb string) Article { a.verb = verb; return a }

// Type is newsroom.article.<verb>.v1.
func (a Article) Type() string { return ArticleSubject(a.verb) }

// Key is <article>/<n>.
func (a Article) Key() string { return fmt.Sprintf("%s/%d", a.ArticleID, a.N) }

// When is the time of the change.
func (a Article) When() time.Time { return a.At }

// ArticleSubject is the subject of the article event verb.
func ArticleSubject(verb string) string { return "newsroom.article." + verb + ".v1" }
