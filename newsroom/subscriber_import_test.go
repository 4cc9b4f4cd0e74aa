package newsroom

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
)

var importRules = ImportRules{
	Sections: map[string]string{"kinh-te": "kinh-te", "kinh tế": "kinh-te", "thong-bao": "thong-bao"}, Fallback: []string{"kinh-te"},
	Now: time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC),
}

func read(list io.Reader) (lines []string, err error) {
	err = ReadImport(list, importRules, func(row ImportRow, wrong string) error {
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("%d %s %s %s", row.Line, row.Email, row.Name, wrong)))
		return nil
	})
	return lines, err
}

// Whatever stands in one line, the others are read.
func TestImportLines(t *testing.T) {
	t.Parallel()
	for list, want := range map[string]string{
		"email;name\na@x.vn;Lan\n":                                        "2 a@x.vn Lan",
		"\ufeffName\tEMAIL\r\nLan\ta@x.vn\r\n\r\nBình\tb@x.vn":            "2 a@x.vn Lan|4 b@x.vn Bình",
		"email,name\na@x.vn,\"Lan, Thị\"\nb@x.vn,\"Bình\nc@x.vn,Cúc\n":    "2 a@x.vn Lan, Thị|3 b@x.vn Bình|4 c@x.vn Cúc",
		"email,name\n\"a@x.vn,Lan\nb@x.vn,B\"ình\n":                       "2 a@x.vn,Lan|3 b@x.vn B\"ình",
		"email\na@x.vn\n" + strings.Repeat("x", 200_000) + "\nb@x.vn":     "2 a@x.vn|3   line|4 b@x.vn",
		"email,sections\na@x.vn,kinh-te\nb@x.vn,none\nc@x.vn\n,kinh-te\n": "2 a@x.vn|3 b@x.vn  section|4 c@x.vn",
	} {
		got, err := read(strings.NewReader(list))
		if err != nil || strings.Join(got, "|") != want {
			t.Errorf("%.60q: %q, %v; want %q", list, got, err, want)
		}
	}
	for _, list := range []string{"", "\n", "name\nLan\n", "\x00\xff"} {
		if _, err := read(strings.NewReader(list)); !errors.Is(err, ErrImportHeader) {
			t.Errorf("%q: %v", list, err)
		}
	}
	if _, err := read(io.MultiReader(strings.NewReader("email\na@x.vn\nb@"), broken{})); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("an upload that broke: %v", err)
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// A line tells what is wrong with it: nobody is taken whose consent it does not prove, and no text that is not what was written.
func TestImportRefuses(t *testing.T) {
	t.Parallel()
	for list, want := range map[string]string{
		"email,state\na@x.vn,confirmed\nb@x.vn,requested\nc@x.vn,Left\nd@x.vn,maybe\ne@x.vn,\n": "2 a@x.vn|3 b@x.vn  state_requested|4 c@x.vn  state_left|5 d@x.vn  state|6 e@x.vn",
		"email,state,blocked\na@x.vn,confirmed,hard\nb@x.vn,confirmed,\n":                       "2 a@x.vn  blocked|3 b@x.vn",
		"email,consent_at\na@x.vn,2030-01-01\nb@x.vn,01/01/0001\nc@x.vn,1996-12-31\nd@x.vn,1997-01-01\ne@x.vn,23/11/2026\nf@x.vn,24/11/2026\ng@x.vn,soon\n"://
		"2 a@x.vn  consent_future|3 b@x.vn  consent_early|4 c@x.vn  consent_early|5 d@x.vn|6 e@x.vn|7 f@x.vn  consent_future|8 g@x.vn  consent_at",
		"email,name\na@x.vn,Nguy\xean\nb@x.vn,B\u00ecnh\nc@x.vn,Nguy\ufffdn\n":             "2   encoding|3 b@x.vn Bình|4   encoding",
		"email,sections,cadence\na@x.vn,Kinh te\u0302\u0301,daily\nb@x.vn,kinh-te,never\n": "2 a@x.vn|3 b@x.vn  cadence",
		"email,lists\na@x.vn,kinh-te:weekly none:daily\nb@x.vn,kinh-te\n":                  "2 a@x.vn  section|3 b@x.vn  cadence",
	} {
		got, err := read(strings.NewReader(list))
		if err != nil || strings.Join(got, "|") != want {
			t.Errorf("%.60q:\n%q, %v; want\n%q", list, got, err, want)
		}
	}
}

// What an export says of somebody is read back: each section with its cadence, the address without the guard, the day of consent.
func TestImportReadsAnExport(t *testing.T) {
	t.Parallel()
	for _, list := range []string{
		"\ufeffemail,name,state,sections,lists,confirmed_at\n'+plus@x.vn,'=Lan,confirmed,kinh-te|thong-bao,kinh-te:weekly thong-bao:daily,02/10/2025 15:30\n",
		"email,name,state,lists,confirmed_at\n'+plus@x.vn,'=Lan,confirmed,kinh-te:weekly thong-bao:daily,02 Oct 2025 15:30\n",
		"email,name,state,lists,confirmed_at,consent_at\n'+plus@x.vn,'=Lan,confirmed,kinh-te:weekly thong-bao:daily,,2025-10-02T15:30:00+07:00\n",
	} {
		n := 0
		err := ReadImport(strings.NewReader(list), importRules, func(row ImportRow, wrong string) error {
			n++
			if wrong != "" || row.Email != "+plus@x.vn" || row.Name != "=Lan" || ListsCell(row.Lists) != "kinh-te:weekly thong-bao:daily" ||
				row.ConsentAt == nil || !row.ConsentAt.Equal(time.Date(2025, 10, 2, 15, 30, 0, 0, Zone)) {
				t.Errorf("%q is read as %+v, %q", list, row, wrong)
			}
			return nil
		})
		if err != nil || n != 1 {
			t.Errorf("%d lines, %v", n, err)
		}
	}
}

// A spreadsheet's "Unicode text" is UTF-16 with a byte order mark, of either order.
func TestImportReadsUTF16(t *testing.T) {
	t.Parallel()
	for _, big := range []int{0, 1} {
		var file []byte
		for _, u := range utf16.Encode([]rune("\ufeffemail\tname\r\na@x.vn\tNguyễn Thị Lan\r\nb@x.vn\tBình")) {
			pair := []byte{byte(u), byte(u >> 8)}
			file = append(file, pair[big], pair[1-big])
		}
		if got, err := read(strings.NewReader(string(file))); err != nil || strings.Join(got, "|") != "2 a@x.vn Nguyễn Thị Lan|3 b@x.vn Bình" {
			t.Errorf("%q, %v", got, err)
		}
	}
}
