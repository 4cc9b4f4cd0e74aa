package newsroom

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Content is whatever a reader will see or get of an article, and nothing else: what is hashed, what is approved,
// what is published. All text is clean (package internal/text) before it comes here.
type Content struct {
	Title       string       `json:"title"`
	Lead        string       `json:"lead"`
	Body        string       `json:"body"` // canonical HTML
	Pictures    []Picture    `json:"pictures"`
	Authors     []Author     `json:"authors"`
	Credits     []Credit     `json:"credits"`
	Source      Source       `json:"source"`
	Attachments []Attachment `json:"attachments"`
	Section     string       `json:"section"`
	AlsoIn      []string     `json:"also_in"`
	Topics      []string     `json:"topics"`
	Tags        []string     `json:"tags"`
	Slug        string       `json:"slug"`
	ReleaseAt   *time.Time   `json:"release_at"`  // embargo; nil: as soon as approved
	DisplayEnd  *time.Time   `json:"display_end"` // out of the lists then; nil: never
	Audience    string       `json:"audience"`    // "public"
	Change      ChangeKind   `json:"change"`      // how this revision differs from the one before
	Note        *Correction  `json:"note"`        // public note of a correction
}

// Picture is a photo of the article. The first one is its cover.
type Picture struct {
	SHA     string `json:"sha"` // sha256 of the uploaded bytes, hex
	Alt     string `json:"alt"`
	Caption string `json:"caption"`
	Credit  string `json:"credit"`
}

// Author is one name of the byline, in order. A pen name is not an account.
type Author struct {
	PenName string `json:"pen_name"`
	UserID  string `json:"user_id"` // the account behind it, where there is one
	Share   int    `json:"share"`   // royalty share in percent
}

// Credit is a line apart from the byline: "Ảnh", "Bài và ảnh".
type Credit struct {
	Kind string `json:"kind"` // photo, text_and_photo, video, translation
	Name string `json:"name"`
}

// Source names where a reposted text came from.
type Source struct {
	Name string `json:"name"`
	URL  string `json:"url"`
}

// Attachment is a file for readers, often a document with a number.
type Attachment struct {
	SHA     string `json:"sha"`
	Name    string `json:"name"`
	MIME    string `json:"mime"`
	Size    int64  `json:"size"` // bytes
	Number  string `json:"number"`
	Date    string `json:"date"` // YYYY-MM-DD as printed on the document
	Summary string `json:"summary"`
}

// ChangeKind says how a revision of a public article differs from the one before.
type ChangeKind string

const (
	// ChangeNew is a first publication.
	ChangeNew ChangeKind = ""
	// ChangeMinor mends a typo: no note, no mail.
	ChangeMinor ChangeKind = "minor"
	// ChangeCorrection carries a public note with the old and the new wording.
	ChangeCorrection ChangeKind = "correction"
)

// Correction is the public note of a correction.
type Correction struct {
	Old string `json:"old"`
	New string `json:"new"`
}

// Limits of a content, in characters (Unicode code points) but for MaxBody.
const (
	MaxTitle    = 300
	MaxLead     = 2000
	MaxCaption  = 1000
	MaxBody     = 2 << 20 // bytes
	MaxPictures = 60
	MaxAuthors  = 20
	MaxTags     = 20
	MaxFiles    = 20
)

// Hash is sha256 over the canonical JSON of c, hex: equal exactly when a reader would see the same. Times are hashed in
// UTC to the second, nil lists as empty ones.
func (c Content) Hash() string {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(c.canonical()); err != nil {
		panic(fmt.Sprintf("newsroom: content does not encode: %v", err)) // only strings, ints and times: cannot happen
	}
	sum := sha256.Sum256(buf.Bytes())
	return hex.EncodeToString(sum[:])
}

func (c Content) canonical() Content {
	c.Pictures = filled(c.Pictures)
	c.Authors = filled(c.Authors)
	c.Credits = filled(c.Credits)
	c.Attachments = filled(c.Attachments)
	c.AlsoIn = filled(c.AlsoIn)
	c.Topics = filled(c.Topics)
	c.Tags = filled(c.Tags)
	c.ReleaseAt = toSecond(c.ReleaseAt)
	c.DisplayEnd = toSecond(c.DisplayEnd)
	if c.Audience == "" {
		c.Audience = "public"
	}
	return c
}

func filled[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func toSecond(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	return new(t.UTC().Truncate(time.Second))
}

// Over reports whether the end of display has passed at a moment: there is nothing to show from then on.
func (c Content) Over(at time.Time) bool { return c.DisplayEnd != nil && !c.DisplayEnd.After(at) }

// Missing lists what c lacks before it may be submitted: title, section, body, an author, and an alt text for every
// picture (Circular 32/2017: text equivalents).
func (c Content) Missing() []FieldError {
	var missing []FieldError
	need := func(ok bool, field, code string) {
		if !ok {
			missing = append(missing, FieldError{Field: field, Code: code})
		}
	}
	need(strings.TrimSpace(c.Title) != "", "title", "required")
	need(c.Section != "", "section", "required")
	need(strings.TrimSpace(c.Body) != "", "body", "required")
	need(slices.ContainsFunc(c.Authors, func(a Author) bool { return a.PenName != "" }), "authors", "required")
	for i, p := range c.Pictures {
		need(strings.TrimSpace(p.Alt) != "", fmt.Sprintf("pictures.%d.alt", i), "alt_required")
	}
	need(!strings.Contains(c.Body, `alt=""`) && !imageWithoutAlt(c.Body), "body", "alt_required")
	if c.Change == ChangeCorrection {
		need(c.Note != nil && strings.TrimSpace(c.Note.Old) != "" && strings.TrimSpace(c.Note.New) != "", "note", "note_required")
	}
	return missing
}

// imageWithoutAlt reports an <img> with no alt attribute in canonical HTML.
func imageWithoutAlt(body string) bool {
	for rest := body; ; {
		_, after, found := strings.Cut(rest, "<img ")
		if !found {
			return false
		}
		tag, tail, _ := strings.Cut(after, ">")
		if !strings.Contains(tag, ` alt="`) && !strings.HasPrefix(tag, `alt="`) {
			return true
		}
		rest = tail
	}
}

// TooLong lists the fields of c beyond the limits; a save refuses them.
func (c Content) TooLong() []FieldError {
	var over []FieldError
	limit := func(n, most int, field string) {
		if n > most {
			over = append(over, FieldError{Field: field, Code: "too_long", Params: map[string]string{"max": fmt.Sprint(most)}})
		}
	}
	limit(len([]rune(c.Title)), MaxTitle, "title")
	limit(len([]rune(c.Lead)), MaxLead, "lead")
	limit(len(c.Body), MaxBody, "body")
	limit(len(c.Pictures), MaxPictures, "pictures")
	limit(len(c.Authors), MaxAuthors, "authors")
	limit(len(c.Tags), MaxTags, "tags")
	limit(len(c.Attachments), MaxFiles, "attachments")
	for i, p := range c.Pictures {
		limit(len([]rune(p.Caption)), MaxCaption, fmt.Sprintf("pictures.%d.caption", i))
		limit(len([]rune(p.Alt)), MaxCaption, fmt.Sprintf("pictures.%d.alt", i))
	}
	return over
}

// Byline joins the pen names with a spaced en dash, as Vietnamese pages print them.
func (c Content) Byline() string {
	names := make([]string, 0, len(c.Authors))
	for _, a := range c.Authors {
		if a.PenName != "" {
			names = append(names, a.PenName)
		}
	}
	return strings.Join(names, " – ")
}
