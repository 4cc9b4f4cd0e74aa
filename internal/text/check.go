package text

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Severity says how much a finding may weigh; the office's policy decides whether a blocking one does block.
type Severity string

// The severities.
const (
	Advice   Severity = "advice"
	Blocking Severity = "blocking"
)

// Fields a finding can be in.
const (
	FieldTitle = "title"
	FieldLead  = "lead"
	FieldBody  = "body"
)

// Finding is one thing to look at before an article goes on. Its Code is the last part of the key "check.<code>".
type Finding struct {
	Code      string
	Field     string // title, lead or body
	Paragraph int    // in the body: which paragraph, heading, list item, table row or figure, from 0; -1 elsewhere
	Excerpt   string // what was found with a little around it; personal data is masked
	Suggest   string // the excerpt mended, "" where only a person can tell
	Severity  Severity
}

// Word is an entry of an office's word list: nổ lực → nỗ lực. Right may be "" where there is only a warning.
type Word struct{ Wrong, Right string }

// Document is what Check reads. Title and lead are given as typed, before cleaning.
type Document struct {
	Title, Lead string
	Body        string   // markup
	Credits     []string // lines such as "Bài và ảnh: …" that stand under the article
	Words       []Word
}

// Codes lists every code that Check can give, for translations and policies.
var Codes = []string{
	"all_capitals", "broken_character", "double_space", "ellipsis", "glued_capital", "heading_order", "legacy_encoding", "link_text",
	"meaningless_alt", "missing_alt", "missing_caption", "missing_credit", "odd_syllable", "office_word", "personal_birth_date",
	"personal_id_number", "personal_phone_list", "space_around_quotes", "space_before_punctuation", "space_in_quotes",
	"space_missing_after_punctuation", "title_full_stop",
}

// blocking are the codes that a policy may make blocking.
var blocking = set("missing_alt missing_caption missing_credit personal_id_number personal_birth_date personal_phone_list legacy_encoding broken_character office_word")

// maxFindings keeps the list readable, and its cost bounded, when a text is wrong from end to end.
const maxFindings = 200

// Check looks a document over and lists what it found in reading order: spelling and spacing slips, missing picture
// texts, personal data, the office's word list, heading order, links that say nothing. It never changes anything.
func Check(doc Document) []Finding {
	c := checker{words: doc.Words, odd: map[string]bool{}}
	c.field, c.paragraph = FieldTitle, -1
	c.line(doc.Title)
	c.title(Line(doc.Title))
	c.field = FieldLead
	c.line(doc.Lead)
	c.field = FieldBody
	blocks, _ := parseBody(doc.Body)
	c.body(units(blocks), doc.Credits)
	slices.SortStableFunc(c.found, func(a, b Finding) int { return cmp.Compare(c.order(a), c.order(b)) })
	return c.found[:min(len(c.found), maxFindings)]
}

type checker struct {
	words     []Word
	found     []Finding
	field     string
	paragraph int
	phones    []Finding
	odd       map[string]bool // told once each
}

func (c *checker) order(f Finding) int {
	return map[string]int{FieldTitle: -2, FieldLead: -1}[f.Field] + (f.Paragraph+1)*min(1, f.Paragraph+1)
}

func (c *checker) add(code, excerpt, suggest string) {
	if len(c.found) >= 10*maxFindings {
		return
	}
	severity := Advice
	if blocking[code] {
		severity = Blocking
	}
	c.found = append(c.found, Finding{code, c.field, c.paragraph, excerpt, suggest, severity})
}

// line checks a field as typed, then its clean text.
func (c *checker) line(raw string) {
	if doubleSpace.MatchString(strings.TrimSpace(raw)) {
		c.add("double_space", Excerpt(raw, 60), Line(raw))
	}
	if now, _, ok := SuggestLegacy(raw); ok { // before cleaning, which drops TCVN3's ư
		c.add("legacy_encoding", Excerpt(raw, 80), Excerpt(now, 80))
		return
	}
	c.text(Block(raw))
}

func (c *checker) title(title string) {
	if allCapitals(title) {
		c.add("all_capitals", Excerpt(title, 80), "")
	}
	if strings.HasSuffix(title, ".") && !strings.HasSuffix(title, "..") {
		c.add("title_full_stop", lastRunes(title, 30), strings.TrimSuffix(lastRunes(title, 30), "."))
	}
}

func lastRunes(s string, n int) string {
	r := []rune(s)
	return strings.TrimSpace(string(r[max(0, len(r)-n):]))
}

// allCapitals is true of four words or more without a small letter.
func allCapitals(s string) bool {
	return len(strings.Fields(s)) >= 4 && strings.IndexFunc(s, unicode.IsLower) < 0 && strings.IndexFunc(s, unicode.IsUpper) >= 0
}

var (
	doubleSpace = regexp.MustCompile(`[ \x{A0}\t]{2,}`)
	address     = regexp.MustCompile(`(?i)(?:https?://|www\.)\S+|[\w.+-]+@[\w.-]+|\b[\w-]+(?:\.[\w-]+)*\.(?:vn|com|net|org|gov|edu)\b\S*`)
	glued       = regexp.MustCompile(`(\p{L}*\p{Ll})(\p{Lu}\p{Ll}+)`)
	before      = regexp.MustCompile(` ([,;:!?]|\.(?:[ \n]|$)|…)`)
	missing     = regexp.MustCompile(`(\p{L}[,;!?])(\p{L})|(\p{Ll}{2}\.)(\p{Lu}\p{Ll})|(\p{L}:)(\p{L})`)
	inQuotes    = regexp.MustCompile(`[“(\[] | [”)\]]`)
	aroundOpen  = regexp.MustCompile(`([\p{L}\p{N},;.])([“])`)
	aroundClose = regexp.MustCompile(`([”])([\p{L}\p{N}])`)
	dots        = regexp.MustCompile(`[….]{2,}`)
	syllables   = regexp.MustCompile(`[\p{L}\p{M}]+`)
)

// text runs the checks that any stretch of text gets.
func (c *checker) text(s string) {
	if s == "" {
		return
	}
	plain := address.ReplaceAllStringFunc(s, func(found string) string { // same length, so that places still fit
		return strings.Repeat("\x00", len(found))
	})
	c.spacing(s, plain)
	c.personal(s)
	c.officeWords(s)
	if strings.ContainsRune(s, utf8.RuneError) {
		c.add("broken_character", around(s, strings.IndexRune(s, utf8.RuneError), 3), "")
	}
	if DetectLegacy(s) != NotLegacy { // a body is clean already: what it would read like is told by SuggestLegacyHTML of the original
		c.add("legacy_encoding", Excerpt(s, 80), "")
		return // its words are no words yet
	}
	c.spelling(s, plain)
}

// mend reports each match of re with a little around it, and the same with the match replaced.
func (c *checker) mend(code, s, plain string, re *regexp.Regexp, mended func(groups []string) string) {
	for _, at := range re.FindAllStringSubmatchIndex(plain, maxFindings) {
		groups := make([]string, len(at)/2)
		for g := range groups {
			if at[2*g] >= 0 {
				groups[g] = s[at[2*g]:at[2*g+1]]
			}
		}
		from, to := widen(s, at[0], at[1])
		now := mended(groups)
		if now == groups[0] {
			continue
		}
		c.add(code, strings.TrimSpace(s[from:to]), strings.TrimSpace(s[from:at[0]]+now+s[at[1]:to]))
	}
}

// widen extends a range by up to two words on either side.
func widen(s string, from, to int) (int, int) {
	for range 2 {
		from = strings.LastIndexAny(s[:max(0, from-1)], " \n") + 1
		if next := strings.IndexAny(s[min(len(s), to+1):], " \n"); next >= 0 {
			to = min(len(s), to+1) + next
		} else {
			to = len(s)
		}
	}
	return from, to
}

func around(s string, at, size int) string {
	from, to := widen(s, at, min(len(s), at+size))
	return strings.TrimSpace(s[from:to])
}

func (c *checker) spacing(s, plain string) {
	c.mend("space_before_punctuation", s, plain, before, func(g []string) string { return strings.TrimPrefix(g[0], " ") })
	c.mend("space_missing_after_punctuation", s, plain, missing, func(g []string) string {
		return g[1] + g[3] + g[5] + " " + g[2] + g[4] + g[6]
	})
	c.mend("space_in_quotes", s, plain, inQuotes, func(g []string) string { return strings.TrimSpace(g[0]) })
	c.mend("space_around_quotes", s, plain, aroundOpen, func(g []string) string { return g[1] + " " + g[2] })
	c.mend("space_around_quotes", s, plain, aroundClose, func(g []string) string { return g[1] + " " + g[2] })
	c.straightQuotes(s)
	c.mend("ellipsis", s, plain, dots, func(g []string) string {
		if g[0] == "..." {
			return g[0]
		}
		return "…"
	})
	c.mend("glued_capital", s, plain, glued, func(g []string) string {
		if strings.IndexFunc(g[1], unicode.IsUpper) > 0 || !syllable(g[1]) || !syllable(g[2]) {
			return g[0] // YouTube, iPhone and VNeID are names, not two Vietnamese syllables
		}
		return g[1] + " " + g[2]
	})
}

// straightQuotes takes every other " of a paragraph for a closing one.
func (c *checker) straightQuotes(s string) {
	if strings.Count(s, `"`)%2 != 0 {
		return
	}
	opening := true
	for i := range len(s) {
		if s[i] != '"' {
			continue
		}
		var inside, outside rune
		if opening {
			inside = first(s[i+1:])
			outside, _ = utf8.DecodeLastRuneInString(s[:i])
		} else {
			inside, _ = utf8.DecodeLastRuneInString(s[:i])
			outside = first(s[i+1:])
		}
		opening = !opening
		switch {
		case inside == ' ':
			c.add("space_in_quotes", around(s, i, 1), "")
		case unicode.IsLetter(outside):
			c.add("space_around_quotes", around(s, i, 1), "")
		}
	}
}

func (c *checker) spelling(s, plain string) {
	for _, at := range syllables.FindAllStringIndex(plain, -1) {
		word := plain[at[0]:at[1]]
		if isASCII(word) || strings.IndexFunc(word, unicode.IsUpper) >= 0 || c.odd[word] || syllable(word) {
			continue // capitals are names, which spell as they like
		}
		c.odd[word] = true
		c.add("odd_syllable", around(s, at[0], len(word)), "")
	}
}

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r >= utf8.RuneSelf }) < 0
}

func (c *checker) officeWords(s string) {
	lower := strings.ToLower(s)
	if len(lower) != len(s) {
		return // a letter whose small form is longer: places would not fit
	}
	for _, w := range c.words {
		wrong := strings.ToLower(Line(w.Wrong))
		if wrong == "" {
			continue
		}
		for from := 0; ; {
			at := strings.Index(lower[from:], wrong)
			if at < 0 {
				break
			}
			at += from
			end := at + len(wrong)
			from = end
			last, _ := utf8.DecodeLastRuneInString(lower[:at])
			if wordRune(last) || end < len(lower) && wordRune(first(lower[end:])) {
				continue
			}
			suggest := ""
			if right := Line(w.Right); right != "" {
				if unicode.IsUpper(first(s[at:])) {
					_, size := utf8.DecodeRuneInString(right)
					right = strings.ToUpper(right[:size]) + right[size:]
				}
				a, z := widen(s, at, end)
				suggest = strings.TrimSpace(s[a:at] + right + s[end:z])
			}
			c.add("office_word", around(s, at, len(wrong)), suggest)
		}
	}
}
