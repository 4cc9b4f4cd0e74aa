package store_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"toasoan/newsroom"
)

func requestID() string { return uuid.NewString() }

// wrote makes a draft of by in section.
func (p *people) wrote(t *testing.T, by newsroom.Person, section, title string) string {
	t.Helper()
	d, err := p.CreateArticle(t.Context(), by, newsroom.Content{
		Title: title, Section: section, Body: "<p>Nội dung.</p>", Authors: []newsroom.Author{{PenName: by.Name, UserID: by.ID}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return d.Article.ID
}

func titles(cards []newsroom.Card) (list []string) {
	for _, c := range cards {
		list = append(list, c.Title)
	}
	return list
}

func TestWorkFollowsTheArticle(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	ctx := t.Context()
	_, boss := p.officed(t)
	lan, hung := p.add(t, "lan@vankhe.example", newsroom.RoleReporter), p.add(t, "hung@vankhe.example", newsroom.RoleReviewer)
	far, _, err := p.CreateUser(ctx, p.admin, newsroom.AccountInput{Email: "far@vankhe.example", Name: "Xa", Roles: []newsroom.Role{newsroom.RoleReviewer}, Sections: []string{"thong-bao"}}, false)
	if err != nil {
		t.Fatal(err)
	}
	id := p.wrote(t, lan, "kinh-te", "Bài")
	// waits: the list of each person that holds the article now.
	waits := func(stage string, want map[string]string) {
		t.Helper()
		for name, who := range map[string]newsroom.Person{"lan": lan, "hung": hung, "far": far.Person, "boss": boss} {
			w, err := p.Work(ctx, who)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			for list, cards := range map[string][]newsroom.Card{
				"decide": w.Decide, "returned": w.Returned, "drafts": w.Drafts, "editing": w.Editing, "queue": w.Queue, "waiting": w.Waiting, "published": w.Published,
			} {
				if len(cards) > 0 {
					got += list
				}
			}
			if got != want[name] {
				t.Errorf("%s: %s has it in %q, want %q", stage, name, got, want[name])
			}
			count, err := p.WorkCount(ctx, who)
			if err != nil || count != w.Count() {
				t.Errorf("%s: %s has %d things by the count, %d by the lists, %v", stage, name, count, w.Count(), err)
			}
		}
	}
	why := func(r *newsroom.Request) { r.Code, r.Reason = newsroom.ReasonQuality, "Thiếu nguồn." }
	waits("draft", map[string]string{"lan": "drafts"})
	p.move(t, id, lan, newsroom.MoveSubmit)
	waits("submitted", map[string]string{"lan": "waiting", "hung": "queue"})
	p.move(t, id, hung, newsroom.MoveClaim)
	waits("in review", map[string]string{"lan": "waiting", "hung": "editing"})
	p.move(t, id, hung, newsroom.MoveReturn, why)
	waits("returned", map[string]string{"lan": "returned"})
	if w, _ := p.Work(ctx, lan); w.Returned[0].Note != "Thiếu nguồn." || w.Returned[0].NoteCode != newsroom.ReasonQuality {
		t.Errorf("returned for %q", w.Returned[0].Note)
	}
	p.move(t, id, lan, newsroom.MoveSubmit)
	p.move(t, id, hung, newsroom.MoveClaim)
	p.move(t, id, hung, newsroom.MoveForward)
	waits("forwarded", map[string]string{"lan": "waiting", "hung": "editing", "boss": "decide"})
	p.move(t, id, boss, newsroom.MoveApprove)
	waits("released", map[string]string{"lan": "published"})
}

func TestBoard(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	ctx := t.Context()
	lan, binh := p.add(t, "lan@vankhe.example", newsroom.RoleReporter), p.add(t, "binh@vankhe.example", newsroom.RoleContributor)
	for i := range 7 {
		p.wrote(t, lan, "kinh-te", fmt.Sprintf("Đường làng %d", i))
	}
	late := p.wrote(t, binh, "thong-bao", "Lịch 100% tiếp dân")
	p.move(t, late, binh, newsroom.MoveSubmit)
	column := func(who newsroom.Person, f newsroom.CardFilter, stage newsroom.Stage) newsroom.Column {
		t.Helper()
		columns, err := p.Board(ctx, who, f, 5)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range columns {
			if c.Stage == stage {
				return c
			}
		}
		return newsroom.Column{}
	}
	if c := column(p.admin, newsroom.CardFilter{}, newsroom.StageDraft); c.Count != 7 || len(c.Cards) != 5 {
		t.Errorf("drafts: %d of %d", len(c.Cards), c.Count)
	}
	for name, c := range map[string]struct {
		who   newsroom.Person
		f     newsroom.CardFilter
		stage newsroom.Stage
		want  int
	}{
		"a reporter sees the own ones":   {binh, newsroom.CardFilter{}, newsroom.StageDraft, 0},
		"and theirs":                     {binh, newsroom.CardFilter{}, newsroom.StageSubmitted, 1},
		"by section":                     {p.admin, newsroom.CardFilter{Section: "thong-bao"}, newsroom.StageDraft, 0},
		"by author":                      {p.admin, newsroom.CardFilter{Author: lan.ID}, newsroom.StageSubmitted, 0},
		"by title without accents":       {p.admin, newsroom.CardFilter{Text: "duong lang"}, newsroom.StageDraft, 7},
		"a percent sign is itself":       {p.admin, newsroom.CardFilter{Text: "100%"}, newsroom.StageSubmitted, 1},
		"a percent sign matches no more": {p.admin, newsroom.CardFilter{Text: "1%0"}, newsroom.StageSubmitted, 0},
		"nothing is late yet":            {p.admin, newsroom.CardFilter{Late: true}, newsroom.StageSubmitted, 0},
	} {
		if got := column(c.who, c.f, c.stage).Count; got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
	p.clock.forward(7 * 24 * time.Hour)
	if got := column(p.admin, newsroom.CardFilter{Late: true}, newsroom.StageSubmitted).Count; got != 1 {
		t.Errorf("%d are late after a week", got)
	}
	// Page by page, every article once.
	seen := map[string]bool{}
	var before time.Time
	var beforeID string
	for range 10 {
		page, err := p.Cards(ctx, p.admin, newsroom.CardFilter{}, before, beforeID, 3)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		for _, c := range page {
			if seen[c.ID] {
				t.Errorf("%s comes twice", c.Title)
			}
			seen[c.ID] = true
		}
		last := page[len(page)-1]
		before, beforeID = last.UpdatedAt, last.ID
	}
	if len(seen) != 8 {
		t.Errorf("%d of 8 articles were listed", len(seen))
	}
	if own, err := p.Cards(ctx, binh, newsroom.CardFilter{}, time.Time{}, "", 50); err != nil || len(own) != 1 {
		t.Errorf("a contributor lists %v, %v", titles(own), err)
	}
	if planned, err := p.Planned(ctx, p.admin, p.clock.now().Add(-time.Hour), p.clock.now().Add(time.Hour)); err != nil || len(planned) != 0 {
		t.Errorf("planned are %v, %v", titles(planned), err)
	}
}

func TestMediaIsKeptOnce(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	ctx := t.Context()
	sum := sha256.Sum256([]byte("ảnh"))
	m := newsroom.Media{SHA: hex.EncodeToString(sum[:]), Name: "a.jpg", MIME: "image/jpeg", Width: 640, Height: 480, Size: 4}
	if err := p.SavePicture(ctx, m, nil); err == nil {
		t.Error("a picture without variants was kept")
	}
	variants := []newsroom.MediaVariant{{Width: 320, Ext: "jpg", MIME: "image/jpeg", Bytes: []byte("s")}, {Width: 640, Ext: "jpg", MIME: "image/jpeg", Bytes: []byte("l")}}
	for range 2 {
		if err := p.SavePicture(ctx, m, variants); err != nil {
			t.Fatal(err)
		}
	}
	if list, err := p.Variants(ctx, m.SHA); err != nil || len(list) != 2 || list[0].Width != 320 {
		t.Errorf("variants are %+v, %v", list, err)
	}
	if v, err := p.Variant(ctx, m.SHA, 640, "jpg"); err != nil || string(v.Bytes) != "l" {
		t.Errorf("variant is %+v, %v", v, err)
	}
	if _, err := p.Variant(ctx, m.SHA, 999, "jpg"); !errors.Is(err, newsroom.ErrNotFound) {
		t.Errorf("a width that is not: %v", err)
	}
	if _, _, err := p.File(ctx, m.SHA); !errors.Is(err, newsroom.ErrNotFound) {
		t.Errorf("a picture as a file: %v", err)
	}
	file := newsroom.Media{SHA: hex.EncodeToString(make([]byte, 32)), Name: "a.pdf", MIME: "application/pdf", Size: 3}
	if err := p.SaveFile(ctx, file, []byte("pdf")); err != nil {
		t.Fatal(err)
	}
	if got, data, err := p.File(ctx, file.SHA); err != nil || string(data) != "pdf" || got.Name != "a.pdf" {
		t.Errorf("file is %+v %s, %v", got, data, err)
	}
}

func TestParkedEventsAndAlerts(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	ctx := t.Context()
	for range 2 {
		if err := p.Park(ctx, "mailer", "e/1", "newsroom.x", []byte("{}"), "lỗi"); err != nil {
			t.Fatal(err)
		}
		if err := p.RaiseAlert(ctx, "a", "not_me", nil); err != nil {
			t.Fatal(err)
		}
	}
	parked, err := p.ParkedEvents(ctx, 10)
	if err != nil || len(parked) != 1 {
		t.Fatalf("%d parked, %v", len(parked), err)
	}
	if err := p.Retried(ctx, p.admin, parked[0].ID); err != nil {
		t.Fatal(err)
	}
	if e, err := p.ParkedEvent(ctx, parked[0].ID); err != nil || e.RetriedAt == nil {
		t.Errorf("event is %+v, %v", e, err)
	}
	if err := p.Park(ctx, "mailer", "e/1", "newsroom.x", []byte("{}"), "lại lỗi"); err != nil {
		t.Fatal(err)
	}
	if e, _ := p.ParkedEvent(ctx, parked[0].ID); e.RetriedAt != nil || e.Error != "lại lỗi" {
		t.Errorf("parked again: %+v", e)
	}
	if err := p.ClearAlert(ctx, p.admin, "a"); err != nil {
		t.Fatal(err)
	}
	if err := p.ClearAlert(ctx, p.admin, "a"); !errors.Is(err, newsroom.ErrNotFound) {
		t.Errorf("cleared twice: %v", err)
	}
	if err := p.RaiseAlert(ctx, "a", "not_me", nil); err != nil {
		t.Fatal(err)
	}
	if list, err := p.Alerts(ctx); err != nil || len(list) != 1 || list[0].ClearedAt != nil {
		t.Errorf("alerts are %+v, %v", list, err)
	}
}
