package store_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"toasoan/internal/store"
	"toasoan/newsroom"
)

// exported is a newsroom's chain in one of the formats, with reasons that try a spreadsheet's patience.
func exported(t *testing.T, d *newsdesk, format newsroom.AuditFormat) ([]byte, newsroom.AuditPoint) {
	t.Helper()
	var out bytes.Buffer
	at, err := d.ExportAudit(t.Context(), &out, format)
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes(), at
}

func newRecord(t *testing.T) *newsdesk {
	t.Helper()
	d := newNewsdesk(t)
	for _, reason := range []string{"=HYPERLINK(\"http://x\")", "Dòng một\r\nDòng hai, \"ngoặc\"; phẩy", "'trích", "-1+1", "<b>&</b>"} {
		id := d.upTo(t, story("Bài bị trả lại"), newsroom.StageAwaitingApproval)
		d.allowed(t, d.leader, id, newsroom.MoveRequestChanges, func(r *newsroom.Request) { r.Reason = reason })
	}
	return d
}

func TestExportProvesItselfOffline(t *testing.T) {
	t.Parallel()
	d := newRecord(t)
	online, err := d.VerifyAudit(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range []newsroom.AuditFormat{newsroom.AuditJSONL, newsroom.AuditCSV} {
		file, at := exported(t, d, format)
		got, err := store.VerifyExport(bytes.NewReader(file), hex.EncodeToString(at.Hash))
		if err != nil || got.ID != online.ID || !bytes.Equal(got.Hash, online.Hash) || at.ID != online.ID {
			t.Errorf("%s: ends at %d, online at %d: %v", format, got.ID, online.ID, err)
		}
		if strings.Contains(string(file), "\n=HYPER") || strings.Contains(string(file), ",=HYPER") {
			t.Errorf("%s: a formula went through", format)
		}
	}
}

// One altered byte anywhere is found: every byte of a short export, random bytes of a long one.
func TestExportShowsEveryAlteredByte(t *testing.T) {
	t.Parallel()
	d := newRecord(t)
	source := rand.New(rand.NewPCG(7, 11)) //nolint:gosec // a test's seed
	for _, format := range []newsroom.AuditFormat{newsroom.AuditJSONL, newsroom.AuditCSV} {
		file, _ := exported(t, d, format)
		places := source.Perm(len(file))[:600]
		for i := range min(len(file), 900) {
			places = append(places, i)
		}
		for _, i := range places {
			for _, bit := range []byte{1, 32} {
				bent := slices.Clone(file)
				bent[i] ^= bit
				if _, err := store.VerifyExport(bytes.NewReader(bent)); err == nil {
					t.Fatalf("%s: byte %d changed from %q to %q passes", format, i, file[i], bent[i])
				}
			}
		}
	}
}

func TestExportShowsMissingAndSwappedRows(t *testing.T) {
	t.Parallel()
	d := newRecord(t)
	file, at := exported(t, d, newsroom.AuditJSONL)
	lines := strings.SplitAfter(strings.TrimSuffix(string(file), "\n"), "\n")
	join := func(l []string) *strings.Reader {
		return strings.NewReader(strings.TrimSuffix(strings.Join(l, ""), "\n") + "\n")
	}
	for name, c := range map[string]struct {
		lines []string
		says  string
	}{
		"first row missing":  {lines[1:], "audit row 1 is missing"},
		"one in the middle":  {slices.Delete(slices.Clone(lines), 7, 8), "audit row 8 is missing"},
		"two rows swapped":   {swap(lines, 4, 5), "audit row 5 is missing"},
		"a row twice":        {slices.Insert(slices.Clone(lines), 3, lines[2]), "audit row 3 stands behind row 3"},
		"not an export":      {[]string{`{"id":1}` + "\n"}, "not written as an export"},
		"something else":     {[]string{"{hello\n"}, "not a row of an export"},
		"ids renumbered too": {renumbered(lines), "audit row 8"},
	} {
		_, err := store.VerifyExport(join(c.lines))
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
	if _, err := store.VerifyExport(strings.NewReader("")); err == nil {
		t.Error("an empty file passes")
	}
	// Cut at the end it is a shorter chain that holds: the root that was mailed tells.
	cut := join(lines[:len(lines)-3])
	if _, err := store.VerifyExport(cut); err != nil {
		t.Fatal(err)
	}
	if _, err := store.VerifyExport(join(lines[:len(lines)-3]), hex.EncodeToString(at.Hash)); err == nil || !strings.Contains(err.Error(), "root") {
		t.Errorf("a chain cut behind a mailed root passes: %v", err)
	}
}

func swap(lines []string, i, j int) []string {
	l := slices.Clone(lines)
	l[i], l[j] = l[j], l[i]
	return l
}

// renumbered drops a row and gives the later ones the ids that were free, as somebody would who hides it.
func renumbered(lines []string) []string {
	l := slices.Delete(slices.Clone(lines), 7, 8)
	for i := 7; i < len(l); i++ {
		l[i] = strings.Replace(l[i], fmt.Sprintf(`{"id":%d,`, i+2), fmt.Sprintf(`{"id":%d,`, i+1), 1)
	}
	return l
}

func TestRootOfDayIsKeptAndToldOnce(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	today := newsroom.DateOf(d.clock.now())
	before := newsroom.DateOf(d.clock.now().AddDate(0, 0, -1))
	if letters, err := d.RootOfDay(t.Context(), before, "giam-sat@tinh.example"); err != nil || len(letters) != 0 {
		t.Errorf("a day before the first row: %v, %v", letters, err)
	}
	d.upTo(t, story("Trong ngày"), newsroom.StageReleased)
	end, err := d.VerifyAudit(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	d.clock.forward(24 * time.Hour)
	d.upTo(t, story("Hôm sau"), newsroom.StageSubmitted)
	letters, err := d.RootOfDay(t.Context(), today, "giam-sat@tinh.example")
	if err != nil || len(letters) != 1 {
		t.Fatalf("letters %v, %v", letters, err)
	}
	again, err := d.RootOfDay(t.Context(), today, "giam-sat@tinh.example")
	if err != nil || !slices.Equal(again, letters) || d.scalar(t, `SELECT count(*) FROM letters WHERE kind = 'audit_root'`) != "1" {
		t.Errorf("told again: %v, %v", again, err)
	}
	v, err := d.LetterView(t.Context(), letters[0])
	if err != nil || v.ToEmail != "giam-sat@tinh.example" || v.Root == nil || v.Root.LastID != end.ID || v.Root.Hash != hex.EncodeToString(end.Hash) || v.Root.Day != today {
		t.Errorf("the letter says %+v, %v", v.Root, err)
	}
	if strings.Contains(d.scalar(t, `SELECT data::text FROM letters WHERE kind = 'audit_root'`), "giam-sat") {
		t.Error("the inspector's address stands in the letter's row")
	}
	if _, err := d.VerifyAudit(t.Context(), v.Root.Hash); err != nil {
		t.Errorf("the chain against its root: %v", err)
	}
	if roots, err := d.AuditRoots(t.Context(), 10); err != nil || len(roots) != 1 {
		t.Errorf("roots %v, %v", roots, err)
	}
}

// Somebody with the owner's rights who makes the whole chain anew is found by the mailed root.
func TestChainMadeAnewIsFoundByTheRoot(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	id := d.upTo(t, story("Viết lại lịch sử"), newsroom.StageReleased)
	today := newsroom.DateOf(d.clock.now())
	if _, err := d.RootOfDay(t.Context(), today, ""); err != nil {
		t.Fatal(err)
	}
	roots, err := d.AuditRoots(t.Context(), 1)
	if err != nil || len(roots) != 1 {
		t.Fatalf("%v, %v", roots, err)
	}
	rows, err := d.AuditAfter(t.Context(), 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	owner := d.owner(t)
	if _, err := owner.Exec(t.Context(), `ALTER TABLE audit DISABLE TRIGGER audit_append_only`); err != nil {
		t.Fatal(err)
	}
	prev := make([]byte, 32)
	for _, r := range rows {
		if r.ArticleID == id && r.Action == "approve" {
			r.ActorName = "Người khác"
		}
		r.PrevHash = prev
		r.Hash = r.Sum()
		prev = r.Hash
		if _, err := owner.Exec(t.Context(), `UPDATE audit SET actor_name = $2, prev_hash = $3, hash = $4 WHERE id = $1`, r.ID, r.ActorName, r.PrevHash, r.Hash); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := d.VerifyAudit(t.Context()); err != nil {
		t.Fatalf("the forged chain is not even whole: %v", err)
	}
	if _, err := d.VerifyAudit(t.Context(), roots[0].Hash); err == nil {
		t.Error("a chain made anew passes against the root")
	}
}
