package main

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"toasoan/internal/media"
	"toasoan/internal/text"
	"toasoan/newsroom"
)

// -draw makes the pictures of the demo content anew: <motif>-<seed>.jpg is media.Fixture(motif, seed, 1200, 800).
var drawPictures = flag.Bool("draw", false, "draw the demo pictures anew")

func stories(t *testing.T) []*demoStory {
	t.Helper()
	list, err := demoStories()
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestDemoStoriesExerciseTheProduct(t *testing.T) {
	t.Parallel()
	var stages []newsroom.Stage
	var features []string
	for _, s := range stories(t) {
		words := len(strings.Fields(text.Plain(text.HTML(s.Body)))) + len(strings.Fields(s.Lead))
		if words < 250 || words > 900 {
			t.Errorf("%s has %d words, want 250 to 900", s.Key, words)
		}
		if !slices.ContainsFunc(demoSections, func(c newsroom.Section) bool { return c.ID == s.Section }) {
			t.Errorf("%s: no section %s", s.Key, s.Section)
		}
		if len(s.Authors) == 0 || s.Title == "" || s.Lead == "" {
			t.Errorf("%s lacks title, lead or authors", s.Key)
		}
		for _, a := range s.Authors {
			if !slices.ContainsFunc(demoPeople, func(p demoPerson) bool { return p.role == a.Role }) {
				t.Errorf("%s: author with unknown role %q", s.Key, a.Role)
			}
		}
		for _, p := range s.Pictures {
			if p.Alt == "" || p.Caption == "" || p.Credit == "" {
				t.Errorf("%s: %s lacks alt text, caption or credit", s.Key, p.File)
			}
		}
		stages = append(stages, s.Stage)
		switch {
		case len(s.Authors) == 2 && len(s.Pictures) == 2:
			features = append(features, "signing")
		case len(s.Attachments) == 1 && s.Attachments[0].Number != "":
			features = append(features, "notice")
		case len(s.Pictures) > 5:
			features = append(features, "gallery")
		case s.Source.URL != "":
			features = append(features, "repost")
		case s.DisplayDays > 0:
			features = append(features, "expires")
		case s.Correction != nil && strings.Count(s.Body+s.Lead, s.Correction.Wrong) >= 3:
			features = append(features, "correction")
		case s.Return != nil && s.Stage == newsroom.StageChangesRequested:
			features = append(features, "returned")
		case s.Embargo:
			features = append(features, "embargo")
		case s.Pasted:
			features = append(features, "pasted")
		case strings.Count(s.Body, "<tr>") > 5:
			features = append(features, "table")
		}
	}
	for _, want := range newsroom.BoardStages {
		if !slices.Contains(stages, want) {
			t.Errorf("no article in the board's column %s", want)
		}
	}
	for _, want := range []string{"signing", "notice", "gallery", "repost", "expires", "correction", "returned", "embargo", "pasted", "table"} {
		if !slices.Contains(features, want) {
			t.Errorf("no article with %s", want)
		}
	}
}

// What the newsroom would not let pass stands only where it is the point of the article.
func TestDemoStoriesPassTheChecks(t *testing.T) {
	t.Parallel()
	for _, s := range stories(t) {
		var codes []string
		for _, f := range text.Check(text.Document{Title: s.Title, Lead: s.Lead, Body: text.HTML(s.Body)}) {
			codes = append(codes, f.Code+" "+f.Excerpt)
		}
		personal := slices.ContainsFunc(codes, func(c string) bool { return strings.HasPrefix(c, "personal_") })
		if (s.Return != nil) != personal {
			t.Errorf("%s: personal data found: %v", s.Key, personal)
		}
		if s.Pasted {
			if _, enc, ok := text.SuggestLegacyHTML(s.Body); !ok || enc != text.TCVN3 || !strings.Contains(s.Body, "\u00a0") {
				t.Errorf("%s is not half in TCVN3 with no-break spaces", s.Key)
			}
			continue
		}
		if s.Return == nil && len(codes) > 0 {
			t.Errorf("%s: %v", s.Key, codes)
		}
		if s.Body != strings.TrimSpace(s.Body)+"\n" || text.Line(s.Title) != s.Title || text.Block(s.Lead) != s.Lead {
			t.Errorf("%s is changed by cleaning", s.Key)
		}
	}
}

func TestDemoUploadsAreTaken(t *testing.T) {
	t.Parallel()
	for _, s := range stories(t) {
		for _, p := range s.Pictures {
			name := filepath.Join("democontent", "pictures", p.File)
			motif, seed, _ := strings.Cut(strings.TrimSuffix(p.File, ".jpg"), "-")
			number, err := strconv.ParseUint(seed, 10, 64)
			if err != nil || !slices.Contains(media.Motifs(), media.Motif(motif)) {
				t.Fatalf("%s is not named <motif>-<seed>.jpg", p.File)
			}
			if *drawPictures {
				if err := os.WriteFile(name, media.Fixture(media.Motif(motif), number, 1200, 800), 0o644); err != nil { //nolint:gosec // part of the source
					t.Fatal(err)
				}
			}
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			picture, err := media.Decode(bytes.NewReader(data), 0)
			if err != nil || picture.Width != 1200 || picture.Height != 800 {
				t.Errorf("%s: %dx%d %v", p.File, picture.Width, picture.Height, err)
			}
		}
		for _, f := range s.Attachments {
			data, err := demoContent.ReadFile("democontent/" + f.File)
			if err != nil {
				t.Fatal(err)
			}
			if taken, err := media.Attachment(bytes.NewReader(data), f.File); err != nil || taken.MIME != "application/pdf" {
				t.Errorf("%s: %s %v", f.File, taken.MIME, err)
			}
		}
	}
}

func TestDemoSubscribersCanBeImported(t *testing.T) {
	t.Parallel()
	list, err := demoContent.ReadFile("democontent/subscribers.csv")
	if err != nil {
		t.Fatal(err)
	}
	sections := map[string]string{}
	for _, c := range demoSections {
		sections[c.ID] = c.ID
	}
	cadences, instant := map[newsroom.Cadence]int{}, map[string]int{}
	err = newsroom.ReadImport(bytes.NewReader(list), newsroom.ImportRules{Sections: sections, Now: time.Now()}, func(row newsroom.ImportRow, wrong string) error {
		if wrong != "" || row.ConsentAt == nil {
			t.Errorf("line %d: %q", row.Line, wrong)
		}
		for i, one := range row.Lists {
			if i == 0 {
				cadences[one.Cadence]++
			}
			if one.Cadence == newsroom.CadenceInstant {
				instant[one.Section]++
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if sum := cadences[newsroom.CadenceInstant] + cadences[newsroom.CadenceDaily] + cadences[newsroom.CadenceWeekly]; sum != demoSubscribers || len(cadences) != 3 {
		t.Errorf("%d subscribers by cadence %v, want %d", sum, cadences, demoSubscribers)
	}
	for _, c := range demoSections {
		if instant[c.ID] == 0 {
			t.Errorf("nobody gets %s at once", c.ID)
		}
	}
}

func TestDemoSecretsAreFreshAndKept(t *testing.T) {
	t.Parallel()
	first, second := filledUsers(nil), filledUsers(nil)
	for i, u := range first {
		if newsroom.PasswordTrouble(u.Password, u.Email, "") != "" || u.Password == second[i].Password {
			t.Errorf("%s: password %q", u.Role, u.Password)
		}
		if u.PIN != "" && newsroom.PINTrouble(u.PIN) != "" {
			t.Errorf("%s: PIN %q", u.Role, u.PIN)
		}
	}
	first[2].Token = "kept"
	if again := filledUsers(slices.Clone(first)); !slices.Equal(again, first) {
		t.Error("a second start changes the sign-ins")
	}
	data := t.TempDir()
	if err := writeDemoFile(data, demoFile{URL: "http://127.0.0.1:1", Users: first}); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(data, demoName))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("demo.json: %v %v", info.Mode(), err)
	}
	read, err := readDemoFile(data)
	if err != nil || !slices.Equal(read.Users, first) {
		t.Errorf("read back %v", err)
	}
}

func TestNextFiveIsAhead(t *testing.T) {
	t.Parallel()
	midnight := newsroom.Date{Year: 2026, Month: 10, Day: 2}.Start()
	for minute := range 24 * 60 {
		now := midnight.Add(time.Duration(minute) * time.Minute)
		at := nextFive(now)
		if wait := at.Sub(now); wait < 30*time.Minute || wait > 24*time.Hour+30*time.Minute || at.In(newsroom.Zone).Format("15:04:05") != "17:00:00" {
			t.Fatalf("at %s the next is %s", now, at.In(newsroom.Zone))
		}
	}
}
