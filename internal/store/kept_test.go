package store_test

import (
	"errors"
	"testing"

	"toasoan/newsroom"
)

// kept lists the titles that were put aside and that who may read, the newest first.
func (d *newsdesk) kept(t *testing.T, who newsroom.Person, id string) (list []newsroom.Kept) {
	t.Helper()
	a, err := d.Article(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if list, err = d.KeptDrafts(t.Context(), a, who); err != nil {
		t.Fatal(err)
	}
	return list
}

// takenOver is an article whose lock was taken over while its first holder was writing, and that holder's unsaved text.
func (d *newsdesk) takenOver(t *testing.T) (id string, other newsroom.Person, text newsroom.Content) {
	t.Helper()
	id = d.upTo(t, story("Của phóng viên"), newsroom.StageInReview)
	a, _, err := d.CreateUser(t.Context(), newsroom.Person{}, newsroom.AccountInput{Email: "nhan.thay@vankhe.example", Name: "Người nhận thay", Roles: []newsroom.Role{newsroom.RoleReviewer}}, false)
	if err != nil {
		t.Fatal(err)
	}
	d.allowed(t, a.Person, id, newsroom.MoveTakeOver)
	text = story("Của biên tập viên trước")
	draft, err := d.Draft(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.SaveDraft(t.Context(), id, d.reviewer, draft.Article.Version, text); !errors.Is(err, newsroom.ErrForbidden) {
		t.Fatalf("without the lock: %v", err)
	}
	for range 3 { // a browser that tries again
		if err := d.KeepDraft(t.Context(), id, d.reviewer.ID, text); err != nil {
			t.Fatal(err)
		}
	}
	return id, a.Person, text
}

func TestKeptDraftsAreReadByWhoeverMayEdit(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	id, other, text := d.takenOver(t)
	list := d.kept(t, other, id)
	if len(list) != 1 || list[0].By != d.reviewer.ID || list[0].ByName != d.reviewer.Name || list[0].Title != text.Title || list[0].At.IsZero() {
		t.Fatalf("put aside: %+v", list)
	}
	if own := d.kept(t, d.reviewer, id); len(own) != 1 {
		t.Errorf("its writer finds %+v", own)
	}
	a, err := d.Article(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if _, c, err := d.KeptDraft(t.Context(), a, other, list[0].ID); err != nil || c.Hash() != text.Hash() {
		t.Errorf("read: %+v, %v", c, err)
	}
	elsewhere := d.create(t, story("Bài khác"))
	b, err := d.Article(t.Context(), elsewhere)
	if err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"its author, who may not edit now": func() error { _, _, err := d.KeptDraft(t.Context(), a, d.author, list[0].ID); return err }(),
		"as another article's":             func() error { _, _, err := d.KeptDraft(t.Context(), b, d.author, list[0].ID); return err }(),
	} {
		if !errors.Is(err, newsroom.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if list := d.kept(t, d.author, id); len(list) != 0 {
		t.Errorf("its author, who may not edit now, finds %+v", list)
	}
	d.allowed(t, other, id, newsroom.MoveReturn)
	if list := d.kept(t, d.author, id); len(list) != 1 {
		t.Errorf("its author, who edits again, finds %+v", list)
	}
}

// Taking a text back is a save like any other, and loses nothing of what stood there.
func TestTakeBack(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	id, other, text := d.takenOver(t)
	d.save(t, other, id, func(c *newsroom.Content) { c.Title = "Của người nhận thay" })
	aside := d.kept(t, other, id)[0].ID
	before, err := d.Draft(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	version := before.Article.Version
	if _, err := d.TakeBack(t.Context(), id, d.reviewer, version, aside); !errors.Is(err, newsroom.ErrForbidden) {
		t.Errorf("without the lock: %v", err)
	}
	if _, err := d.TakeBack(t.Context(), id, other, version-1, aside); !errors.Is(err, newsroom.ErrStale) {
		t.Errorf("over what was not read: %v", err)
	}
	if _, err := d.TakeBack(t.Context(), id, other, version, aside+1000); !errors.Is(err, newsroom.ErrNotFound) {
		t.Errorf("a text that is not there: %v", err)
	}
	for range 2 { // the answer was lost, the button pressed twice
		draft, err := d.TakeBack(t.Context(), id, other, version, aside)
		if err != nil || draft.Content.Hash() != text.Hash() || draft.Article.Title != text.Title || draft.By != other.ID || draft.Article.Version != version+1 {
			t.Fatalf("taken back: %q at version %d, %v", draft.Content.Title, draft.Article.Version, err)
		}
	}
	list := d.kept(t, other, id)
	if len(list) != 2 || list[0].Title != "Của người nhận thay" || list[0].By != other.ID {
		t.Fatalf("put aside in turn: %+v", list)
	}
	if _, err := d.TakeBack(t.Context(), id, other, version+1, list[0].ID); err != nil {
		t.Fatal(err)
	}
	if again := d.kept(t, other, id); len(again) != 3 {
		t.Errorf("to and fro: %+v", again)
	}
	for range 2 {
		now, err := d.Article(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.TakeBack(t.Context(), id, other, now.Version, aside); err != nil {
			t.Fatal(err)
		}
	}
	if again := d.kept(t, other, id); len(again) != 3 {
		t.Errorf("the same texts are kept again: %+v", again)
	}
}

// Nobody takes a text back into what is approved or published.
func TestTakeBackNeedsTheBall(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	id := d.upTo(t, story("Đã duyệt"), newsroom.StageAwaitingApproval)
	d.save(t, d.reviewer, id, func(c *newsroom.Content) { c.Title = "Chưa ai duyệt" })
	d.allowed(t, d.leader, id, newsroom.MoveApprove)
	own := d.kept(t, d.reviewer, id)
	if len(own) != 1 || own[0].Title != "Chưa ai duyệt" {
		t.Fatalf("its writer finds %+v", own)
	}
	a, err := d.Article(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	for _, who := range []newsroom.Person{d.reviewer, d.author, d.leader, d.admin} {
		if _, err := d.TakeBack(t.Context(), id, who, a.Version, own[0].ID); !errors.Is(err, newsroom.ErrForbidden) {
			t.Errorf("%s: %v", who.Name, err)
		}
	}
	d.allowed(t, d.author, id, newsroom.MoveRevise, correction)
	if a, err = d.Article(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	draft, err := d.TakeBack(t.Context(), id, d.author, a.Version, own[0].ID)
	if err != nil || draft.Content.Title != "Chưa ai duyệt" || draft.Content.Change != newsroom.ChangeCorrection || draft.Content.Note == nil {
		t.Errorf("taken back into a correction: %+v, %v", draft.Content, err)
	}
}

// A save whose answer was lost and that comes again is done, not a conflict.
func TestRepeatedSaveIsDone(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	id := d.create(t, story("Bản nháp"))
	draft, err := d.Draft(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	text := story("Bản nháp đã sửa")
	for range 2 {
		saved, err := d.SaveDraft(t.Context(), id, d.author, draft.Article.Version, text)
		if err != nil || saved.Article.Version != draft.Article.Version+1 {
			t.Fatalf("saved: version %d, %v", saved.Article.Version, err)
		}
	}
	if _, err := d.SaveDraft(t.Context(), id, d.author, draft.Article.Version, story("Bản khác")); !errors.Is(err, newsroom.ErrStale) {
		t.Errorf("another text over what was not read: %v", err)
	}
}
