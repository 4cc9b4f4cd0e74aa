package store

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"toasoan/newsroom"
)

// bigList is a list of n lines that is never whole in memory; each so often it notes how much of the heap is in use.
type bigList struct {
	n, line int
	rest    []byte
	read    int
	most    uint64
}

func (b *bigList) Read(p []byte) (int, error) {
	if len(b.rest) == 0 {
		switch {
		case b.line == 0:
			b.rest = []byte("email,name\n")
		case b.line > b.n:
			return 0, io.EOF
		default:
			b.rest = fmt.Appendf(b.rest[:0], "reader%06d@example.vn,%s\n", b.line, strings.Repeat("Nguyễn Thị ", 15))
		}
		if b.line++; b.line%5000 == 0 {
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			b.most = max(b.most, m.HeapAlloc)
		}
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	b.read += n
	return n, nil
}

// A list passes through a part at a time, on its way in and on its way to the subscribers; in between another node may have it.
func TestImportHoldsOnePart(t *testing.T) { // not beside others: it measures the heap
	h := newMailHouse(t)
	ctx := t.Context()
	list := &bigList{n: 20_000}
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	in, err := h.PreviewImport(ctx, h.admin, "lon.csv", "giấy", []string{"kinh-te"}, list)
	if err != nil || in.Total != list.n || in.Report.Added != list.n {
		t.Fatalf("%+v, %v", in, err)
	}
	if list.most > before.HeapAlloc+5*importPart {
		t.Errorf("%d KB of heap for a list of %d KB", (list.most-before.HeapAlloc)>>10, list.read>>10)
	}
	if n := h.value(`SELECT count(*) FROM subscriber_import_parts`); n != (list.read+importPart-1)/importPart {
		t.Errorf("%d bytes in %d parts", list.read, n)
	}
	if err := h.RunImport(ctx, h.admin, in.ID); err != nil {
		t.Fatal(err)
	}
	if n := h.value(`SELECT count(*) FROM subscribers WHERE state = 'confirmed'`); n != list.n {
		t.Errorf("%d subscribers", n)
	}
	if n := h.value(`SELECT count(*) FROM subscriber_import_parts`); n != 0 {
		t.Errorf("%d parts stay behind with their addresses", n)
	}
}

// What nobody imports is not kept: a preview for a week, an upload that broke for a day. A run whose node died is found.
func TestUploadedListsAreNotKept(t *testing.T) {
	t.Parallel()
	h := newMailHouse(t)
	ctx := t.Context()
	preview, err := h.PreviewImport(ctx, h.admin, "x.csv", "giấy", []string{"kinh-te"}, strings.NewReader("email\na@example.vn\n"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.PreviewImport(ctx, h.admin, "x.csv", "giấy", nil, io.MultiReader(strings.NewReader("email\n"+strings.Repeat("b@example.vn\n", 100_000)), failing{})); err == nil {
		t.Fatal("a broken upload was taken")
	}
	parts := func() int { return h.value(`SELECT count(*) FROM subscriber_import_parts`) }
	sweep := func(d time.Duration, want int) {
		t.Helper()
		h.later(d)
		if err := h.SweepImports(ctx); err != nil || parts() != want {
			t.Errorf("after %s %d parts stay, want %d: %v", d, parts(), want, err)
		}
	}
	if parts() != 2 {
		t.Fatalf("%d parts", parts())
	}
	sweep(time.Hour, 2)
	sweep(24*time.Hour, 1)
	if stalled, err := h.StalledImports(ctx); err != nil || len(stalled) != 0 {
		t.Errorf("stalled %+v, %v", stalled, err)
	}
	h.exec(`UPDATE subscriber_imports SET state = 'running' WHERE id = $1`, preview.ID)
	if stalled, err := h.StalledImports(ctx); err != nil || len(stalled) != 1 || stalled[0].ID != preview.ID || stalled[0].By != h.admin.ID {
		t.Errorf("stalled %+v, %v", stalled, err)
	}
	h.exec(`UPDATE subscriber_imports SET state = 'preview'`)
	sweep(7*24*time.Hour, 0)
	if _, err := h.Import(ctx, preview.ID); err == nil {
		t.Error("the preview stays")
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, newsroom.ErrConflict }

// Sections that no article can be in are refused before anything is kept; a consent is kept with the day that the list says.
func TestImportKeepsTheDayAndRefusesUnknownSections(t *testing.T) {
	t.Parallel()
	h := newMailHouse(t)
	ctx := t.Context()
	list := "email,consent_at,lists\na@example.vn,2025-10-02,kinh-te:weekly thong-bao:instant\nb@example.vn,2030-01-01,\nc@example.vn,01/01/0001,\n"
	for _, unknown := range []string{"khong-co", "cu"} {
		_, err := h.PreviewImport(ctx, h.admin, "x.csv", "giấy", []string{"kinh-te", unknown}, strings.NewReader(list))
		wrong, ok := errors.AsType[*newsroom.InvalidError](err)
		if !ok || len(wrong.Fields) != 1 || wrong.Fields[0].Field != "sections" || wrong.Fields[0].Params["name"] != unknown {
			t.Errorf("fallback %q: %v", unknown, err)
		}
	}
	if n := h.value(`SELECT count(*) FROM subscriber_import_parts`); n != 0 {
		t.Errorf("%d parts of refused lists are kept", n)
	}
	in, err := h.PreviewImport(ctx, h.admin, "x.csv", "giấy", []string{"kinh-te"}, strings.NewReader(list))
	if err != nil || in.Report.Added != 1 || len(in.Report.Errors) != 2 || in.Report.Errors[0].Code != "consent_future" || in.Report.Errors[1].Code != "consent_early" {
		t.Fatalf("%+v, %v", in.Report, err)
	}
	people, err := h.ImportLook(ctx, in.ID, 5)
	if err != nil || len(people) != 1 || people[0].Email != "a@example.vn" || newsroom.ListsCell(people[0].Lists) != "kinh-te:weekly thong-bao:instant" {
		t.Errorf("the first people are %+v, %v", people, err)
	}
	if err := h.RunImport(ctx, h.admin, in.ID); err != nil {
		t.Fatal(err)
	}
	if day := h.text(`SELECT string_agg(section_id || ' ' || cadence || ' ' || (since AT TIME ZONE 'Asia/Ho_Chi_Minh')::date, ', ' ORDER BY section_id) FROM subscriptions`); day != "kinh-te weekly 2025-10-02, thong-bao instant 2025-10-02" {
		t.Errorf("lists %s", day)
	}
}
