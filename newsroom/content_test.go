package newsroom

import (
	"encoding/json"
	"testing"
	"time"
)

func TestHashChangesWithWhateverAReaderSees(t *testing.T) {
	t.Parallel()
	base := content()
	seen := map[string]string{base.Hash(): "base"}
	for name, bend := range map[string]func(*Content){
		"title": func(c *Content) { c.Title += "." }, "lead": func(c *Content) { c.Lead = "x" }, "body": func(c *Content) { c.Body += " " },
		"picture": func(c *Content) { c.Pictures = []Picture{{SHA: "1"}} }, "alt": func(c *Content) { c.Pictures = []Picture{{SHA: "1", Alt: "a"}} },
		"caption": func(c *Content) { c.Pictures = []Picture{{SHA: "1", Caption: "a"}} },
		"order":   func(c *Content) { c.Authors = append([]Author{{PenName: "An"}}, c.Authors...) },
		"credit":  func(c *Content) { c.Credits = []Credit{{Kind: "photo", Name: "An"}} },
		"source":  func(c *Content) { c.Source.Name = "Báo" }, "file": func(c *Content) { c.Attachments = []Attachment{{SHA: "1", Number: "42/2022/NĐ-CP"}} },
		"section": func(c *Content) { c.Section = "thong-bao" }, "also": func(c *Content) { c.AlsoIn = []string{"thong-bao"} },
		"topic": func(c *Content) { c.Topics = []string{"x"} }, "tag": func(c *Content) { c.Tags = []string{"x"} }, "slug": func(c *Content) { c.Slug = "x" },
		"release": func(c *Content) { c.ReleaseAt = new(time.Unix(1, 0)) }, "end": func(c *Content) { c.DisplayEnd = new(time.Unix(1, 0)) },
		"audience": func(c *Content) { c.Audience = "office" }, "kind": func(c *Content) { c.Change = ChangeMinor },
		"note": func(c *Content) { c.Note = &Correction{Old: "850 m", New: "580 m"} },
	} {
		c := content()
		bend(&c)
		if other, same := seen[c.Hash()]; same {
			t.Errorf("changing %s gives the hash of %s", name, other)
		}
		seen[c.Hash()] = name
	}
}

func TestHashSurvivesStorage(t *testing.T) {
	t.Parallel()
	c := content()
	c.ReleaseAt = new(time.Date(2026, 11, 20, 17, 0, 0, 123456789, Zone))
	raw, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var back Content
	if err := json.Unmarshal(raw, &back); err != nil {
		t.Fatal(err)
	}
	if back.Hash() != c.Hash() {
		t.Error("the hash changed on the way through JSON")
	}
	empty := content()
	empty.Tags, empty.Pictures = []string{}, []Picture{}
	if empty.Hash() != content().Hash() {
		t.Error("an empty list and none hash differently")
	}
}

func TestMissing(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		bend func(*Content)
		want string
	}{
		"nothing":            {func(*Content) {}, ""},
		"title":              {func(c *Content) { c.Title = " " }, "title"},
		"section":            {func(c *Content) { c.Section = "" }, "section"},
		"body":               {func(c *Content) { c.Body = "" }, "body"},
		"author":             {func(c *Content) { c.Authors = nil }, "authors"},
		"alt of the second":  {func(c *Content) { c.Pictures = []Picture{{Alt: "a"}, {}} }, "pictures.1.alt"},
		"alt in the text":    {func(c *Content) { c.Body = `<p><img src="/anh/x-1.jpg"></p>` }, "body"},
		"empty alt in text":  {func(c *Content) { c.Body = `<p><img src="/anh/x-1.jpg" alt=""></p>` }, "body"},
		"alt in text given":  {func(c *Content) { c.Body = `<p><img src="/anh/x-1.jpg" alt="Cờ"></p>` }, ""},
		"note of correction": {func(c *Content) { c.Change = ChangeCorrection }, "note"},
	} {
		doc := content()
		c.bend(&doc)
		missing := doc.Missing()
		switch {
		case c.want == "" && len(missing) > 0:
			t.Errorf("%s: %v", name, missing)
		case c.want != "" && (len(missing) == 0 || missing[0].Field != c.want):
			t.Errorf("%s: %v, want %s", name, missing, c.want)
		}
	}
}
