package newsroom

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
)

func read(list io.Reader) (lines []string, err error) {
	err = ReadImport(list, map[string]string{"kinh-te": "kinh-te"}, []string{"kinh-te"}, func(row ImportRow, wrong string) error {
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
