package newsroom

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
	"golang.org/x/text/unicode/norm"
)

// ImportColumns are the columns of a subscriber list, by their names in the first line; only email must be there. Sections are
// ids or Vietnamese names, separated by "|" or ";"; consent_at is a day (2026-10-02 or 02/10/2026). The others are of our own exports:
// state (anything but confirmed is refused), blocked (anything is refused), lists (section:cadence, before sections and cadence) and
// confirmed_at (where there is no consent_at).
var ImportColumns = []string{"email", "name", "sections", "cadence", "consent_at", "state", "blocked", "lists", "confirmed_at"}

// ErrImportHeader says that the first line of a list names no column "email".
var ErrImportHeader = errors.New("the first line names no column email")

// importLineBytes is the longest line that is read; a longer one is no line of such a list.
const importLineBytes = 64 << 10

// ImportRules is what the lines of a list are held against.
type ImportRules struct {
	Sections map[string]string // ids and lower-cased names to ids
	Fallback []string          // sections of lines that name none
	Now      time.Time         // no consent is younger
}

// ReadImport reads a CSV list (comma, semicolon or tab; UTF-8, or what its byte order mark says: a spreadsheet's "Unicode text" is
// UTF-16) line by line, so that its size does not matter, and hands each line with an address to each: wrong is "" or the code of what
// is wrong with the line. No cell reaches beyond its line, so that a quotation mark that nobody closed takes no other person along.
func ReadImport(file io.Reader, rules ImportRules, each func(row ImportRow, wrong string) error) error {
	decoded := transform.NewReader(file, unicode.BOMOverride(transform.Nop))
	lines := importLines{from: bufio.NewReaderSize(decoded, importLineBytes)}
	head, err := lines.next()
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	lines.comma = separator(head)
	column := map[string]int{}
	for i, name := range lines.cells(head) {
		column[strings.ToLower(strings.TrimSpace(name))] = i
	}
	if _, ok := column["email"]; !ok {
		return ErrImportHeader
	}
	for {
		line, err := lines.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		cells := lines.cells(line)
		get := func(name string) string {
			if i, ok := column[name]; ok && i < len(cells) {
				return norm.NFC.String(OpenCell(strings.TrimSpace(cells[i])))
			}
			return ""
		}
		row, wrong := ImportRow{}, "line"
		switch {
		case lines.long:
		case get("email") == "":
			continue
		case !utf8.Valid(line) || bytes.ContainsRune(line, utf8.RuneError): // of another encoding, or spoilt by one before
			wrong = "encoding"
		default:
			row, wrong = importRow(get, rules)
		}
		row.Line = lines.nr
		if err := each(row, wrong); err != nil {
			return err
		}
	}
}

// importLines reads a list line by line.
type importLines struct {
	from  *bufio.Reader
	comma rune
	nr    int  // of the line, from 1
	long  bool // the line was too long: only its end is known
}

// next returns a line without its end, valid until the next one; io.EOF behind the last.
func (l *importLines) next() ([]byte, error) {
	l.nr++
	line, err := l.from.ReadSlice('\n')
	l.long = errors.Is(err, bufio.ErrBufferFull)
	for errors.Is(err, bufio.ErrBufferFull) {
		line, err = l.from.ReadSlice('\n')
	}
	if errors.Is(err, io.EOF) && (len(line) > 0 || l.long) {
		err = nil
	}
	return bytes.TrimRight(line, "\r\n"), err
}

// cells splits a line; a quotation mark in the wrong place stands for itself.
func (l *importLines) cells(line []byte) []string {
	if bytes.IndexByte(line, '"') < 0 {
		return strings.Split(string(line), string(l.comma))
	}
	quoted := csv.NewReader(bytes.NewReader(line))
	quoted.Comma, quoted.LazyQuotes, quoted.TrimLeadingSpace = l.comma, true, true
	cells, err := quoted.Read()
	if err != nil && len(cells) == 0 {
		return nil
	}
	return cells
}

// separator is whichever of semicolon, tab and comma the first line has most of.
func separator(first []byte) rune {
	best, most := ',', bytes.Count(first, []byte(","))
	for _, r := range []rune{';', '\t'} {
		if n := bytes.Count(first, []byte(string(r))); n > most {
			best, most = r, n
		}
	}
	return best
}
