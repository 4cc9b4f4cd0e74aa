package newsroom

import (
	"slices"
	"time"
)

// Kept is a text of an article that was put aside: somebody else had saved or taken the lock meanwhile, or it was still unsent when
// another text took its place. Nothing that a person wrote is lost.
type Kept struct {
	ID     int64
	By     string // account id of whoever wrote it
	ByName string
	At     time.Time
	Title  string
}

// SeesKept reports whether p may read a text of a that by wrote and that was put aside: whoever may edit now, and its writer always.
func (a Article) SeesKept(p Person, by string) bool { return a.Editor(p) || (p.Active && p.ID == by) }

// TakenBack is the kept text as p makes it the working text in place of was. What kind of change this is was settled when the revision was
// begun; a section that p may not move the article to stays as it is.
func (a Article) TakenBack(p Person, kept, was Content) Content {
	text := kept
	if text.Change = was.Change; was.Change != kept.Change || kept.Note == nil {
		text.Note = was.Note
	}
	if !a.MovesTo(p, text.Section) {
		text.Section = was.Section
		text.AlsoIn = slices.DeleteFunc(slices.Clone(text.AlsoIn), func(id string) bool { return id == text.Section })
	}
	return text
}
