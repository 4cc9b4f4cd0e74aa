package newsroom

import (
	"slices"
	"testing"
)

// What kind of change a revision is was settled when it was begun: a text of another time does not turn a correction into a quiet edit,
// nor take its public note.
func TestTakenBackKeepsTheKindOfChange(t *testing.T) {
	t.Parallel()
	note, other := &Correction{Old: "850 m", New: "580 m"}, &Correction{Old: "1.200 người", New: "120 người"}
	a := Article{Stage: StageDraft, AuthorID: "an", Section: "kinh-te"}
	me := Person{ID: "an", Roles: []Role{RoleReporter}, Active: true}
	for name, c := range map[string]struct {
		kept, was Content
		change    ChangeKind
		note      *Correction
	}{
		"a first text into a correction":          {Content{}, Content{Change: ChangeCorrection, Note: note}, ChangeCorrection, note},
		"a minor edit into a correction":          {Content{Change: ChangeMinor}, Content{Change: ChangeCorrection, Note: note}, ChangeCorrection, note},
		"a correction into a correction":          {Content{Change: ChangeCorrection, Note: other}, Content{Change: ChangeCorrection, Note: note}, ChangeCorrection, other},
		"a correction without a note into one":    {Content{Change: ChangeCorrection}, Content{Change: ChangeCorrection, Note: note}, ChangeCorrection, note},
		"a correction into a minor edit":          {Content{Change: ChangeCorrection, Note: other}, Content{Change: ChangeMinor}, ChangeMinor, nil},
		"a text of now into the text that is now": {Content{}, Content{}, ChangeNew, nil},
	} {
		if got := a.TakenBack(me, c.kept, c.was); got.Change != c.change || got.Note != c.note {
			t.Errorf("%s: %q with note %v", name, got.Change, got.Note)
		}
	}
}

func TestTakenBackStaysInTheSection(t *testing.T) {
	t.Parallel()
	a := Article{Stage: StageInReview, AuthorID: "an", HolderID: "binh", Section: "kinh-te"}
	kept := Content{Title: "Bản cũ", Section: "van-hoa", AlsoIn: []string{"kinh-te", "thong-bao"}}
	limited := Person{ID: "binh", Roles: []Role{RoleReviewer}, Sections: []string{"kinh-te"}, Active: true}
	if got := a.TakenBack(limited, kept, Content{Section: "kinh-te"}); got.Section != "kinh-te" || !slices.Equal(got.AlsoIn, []string{"thong-bao"}) || got.Title != "Bản cũ" {
		t.Errorf("a reviewer of one section moved it: %+v", got)
	}
	limited.Sections = []string{"kinh-te", "van-hoa"}
	if got := a.TakenBack(limited, kept, Content{Section: "kinh-te"}); got.Section != "van-hoa" {
		t.Errorf("a reviewer of both: %+v", got)
	}
}
