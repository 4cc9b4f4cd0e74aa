package locale

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"
)

var placeholder = regexp.MustCompile(`\{[a-z_]*\}`)

func TestLanguagesHaveTheSameKeysAndPlaceholders(t *testing.T) {
	t.Parallel()
	for key, sentence := range vi.text {
		other, ok := en.text[key]
		if !ok {
			t.Errorf("%s is in vi.json only", key)
			continue
		}
		if a, b := holes(sentence), holes(other); !slices.Equal(a, b) {
			t.Errorf("%s: placeholders %v in vi.json, %v in en.json", key, a, b)
		}
	}
	for key := range en.text {
		if !vi.Has(key) {
			t.Errorf("%s is in en.json only", key)
		}
	}
}

func TestSentencesAreClean(t *testing.T) {
	t.Parallel()
	name := regexp.MustCompile(`^[a-z][a-z0-9_]*(\.[a-z0-9_-]+)+$`)
	for _, l := range []*Locale{vi, en} {
		for key, s := range l.text {
			switch {
			case !name.MatchString(key):
				t.Errorf("%s: %q is not a key of the form area.name", l.tag, key)
			case strings.TrimSpace(s) == "" || strings.TrimSpace(s) != s:
				t.Errorf("%s: %s is empty or has space around it", l.tag, key)
			case !norm.NFC.IsNormalString(s):
				t.Errorf("%s: %s is not NFC", l.tag, key)
			case strings.Contains(s, "..."):
				t.Errorf("%s: %s has three dots instead of …", l.tag, key)
			case strings.ContainsAny(placeholder.ReplaceAllString(s, ""), "{}"):
				t.Errorf("%s: %s has a broken placeholder", l.tag, key)
			}
		}
	}
}

func TestFilesAreSortedOneKeyALine(t *testing.T) {
	t.Parallel()
	for _, l := range []*Locale{vi, en} {
		raw, err := files.ReadFile("text/" + l.tag + ".json")
		if err != nil {
			t.Fatal(err)
		}
		if want := written(t, l.text); !bytes.Equal(raw, want) {
			line, got, expect := firstDifference(raw, want)
			t.Errorf("text/%s.json line %d is %q, want %q: keys are sorted and unique, two spaces, one a line", l.tag, line, got, expect)
		}
	}
}

func TestMissingKeyPanicsUnderTest(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("a missing key went unnoticed")
		}
	}()
	vi.T("no.such.key")
}

func TestFillsPlaceholders(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, got, want string
	}{
		{"pairs", vi.T("toast.draft_saved", "time", "15:30"), "Đã lưu nháp lúc 15:30."},
		{"map", vi.T("toast.draft_saved", map[string]string{"time": "15:30"}), "Đã lưu nháp lúc 15:30."},
		{"number", vi.T("article.views_n", "n", 7448251), "7.448.251 lượt xem"},
		{"english number", en.T("article.views_n", "n", 7448251), "Views: 7,448,251"},
		{"value that looks like a placeholder", vi.T("check.word_list", "word", "{better}", "better", "x"), "Theo danh sách từ của cơ quan: “{better}” nên viết là “x”."},
	} {
		if c.got != c.want {
			t.Errorf("%s: %q, want %q", c.name, c.got, c.want)
		}
	}
}

func TestChoosesTheLanguage(t *testing.T) {
	t.Parallel()
	for tag, want := range map[string]*Locale{"": vi, "vi": vi, "en": en, "en-GB": en, "fr": vi} {
		if For(tag) != want {
			t.Errorf("For(%q) is %s", tag, For(tag).Tag())
		}
	}
	for header, want := range map[string]*Locale{
		"": vi, "en-US,en;q=0.9": en, "vi-VN,vi;q=0.9,en;q=0.8": vi, "fr-FR": vi, "fr;q=0.9, en;q=0.5": en, "\x00;;": vi,
	} {
		if Accept(header) != want {
			t.Errorf("Accept(%q) is %s", header, Accept(header).Tag())
		}
	}
}

func TestStringsOfAPrefix(t *testing.T) {
	t.Parallel()
	got := vi.Strings("stage.", "toast.saved")
	if got["stage.draft"] != "Bản nháp" || got["toast.saved"] != "Đã lưu." || len(got) != 11 {
		t.Errorf("got %v", got)
	}
}

func holes(s string) []string {
	found := placeholder.FindAllString(s, -1)
	slices.Sort(found)
	return slices.Compact(found)
}

// written is the one form of a text file: what an editor of it has to keep.
func written(t *testing.T, text map[string]string) []byte {
	t.Helper()
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(text); err != nil { // encoding/json sorts the keys of a map
		t.Fatal(err)
	}
	return out.Bytes()
}

func firstDifference(a, b []byte) (line int, got, want string) {
	left, right := strings.Split(string(a), "\n"), strings.Split(string(b), "\n")
	for i := range min(len(left), len(right)) {
		if left[i] != right[i] {
			return i + 1, left[i], right[i]
		}
	}
	return min(len(left), len(right)) + 1, "another number of lines", ""
}
