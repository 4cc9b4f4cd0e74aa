package newsroom

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strings"
	"time"
)

// ImportColumns are the columns of a subscriber list, by their names in the first line; only email must be there. Sections are
// ids or Vietnamese names, separated by "|" or ";"; consent_at is a day (2026-10-02 or 02/10/2026).
var ImportColumns = []string{"email", "name", "sections", "cadence", "consent_at"}

// ErrImportHeader says that the first line of a list names no column "email".
var ErrImportHeader = errors.New("the first line names no column email")

// ReadImport reads a CSV list (comma, semicolon or tab; UTF-8, with or without byte order mark) line by line, so that its size does
// not matter, and hands each line with an address to each: wrong is "" or the code of what is wrong with the line. Lines
// without sections get all of fallback. sections maps ids and lower-cased names to ids.
func ReadImport(file io.Reader, sections map[string]string, fallback []string, each func(row ImportRow, wrong string) error) error {
	buffered := bufio.NewReaderSize(file, 64<<10)
	head, _ := buffered.Peek(64 << 10) // what there is: a short file is no error
	if bytes.HasPrefix(head, []byte("\xef\xbb\xbf")) {
		_, _ = buffered.Discard(3) // was peeked: is there
		head = head[3:]
	}
	lines := csv.NewReader(buffered)
	lines.Comma = separator(head)
	lines.FieldsPerRecord, lines.LazyQuotes, lines.TrimLeadingSpace, lines.ReuseRecord = -1, true, true, true
	names, err := lines.Read()
	if err != nil {
		return ErrImportHeader
	}
	column := map[string]int{}
	for i, name := range names {
		column[strings.ToLower(strings.TrimSpace(name))] = i
	}
	if _, ok := column["email"]; !ok {
		return ErrImportHeader
	}
	for {
		fields, err := lines.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		line, _ := lines.FieldPos(0)
		if _, broken := errors.AsType[*csv.ParseError](err); broken {
			if err := each(ImportRow{Line: line}, "line"); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		get := func(name string) string {
			if i, ok := column[name]; ok && i < len(fields) {
				return strings.TrimSpace(fields[i])
			}
			return ""
		}
		if get("email") == "" {
			continue
		}
		row, wrong := importRow(get, sections, fallback)
		row.Line = line
		if err := each(row, wrong); err != nil {
			return err
		}
	}
}

func importRow(get func(string) string, sections map[string]string, fallback []string) (row ImportRow, wrong string) {
	row = ImportRow{Email: get("email"), Name: get("name"), Cadence: Cadence(strings.ToLower(get("cadence")))}
	if row.Cadence == "" {
		row.Cadence = CadenceInstant
	}
	if !slices.Contains(Cadences, row.Cadence) {
		return row, "cadence"
	}
	for name := range strings.FieldsFuncSeq(get("sections"), func(r rune) bool { return r == '|' || r == ';' }) {
		id, ok := sections[strings.ToLower(strings.TrimSpace(name))]
		if !ok {
			return row, "section"
		}
		if !slices.Contains(row.Sections, id) {
			row.Sections = append(row.Sections, id)
		}
	}
	if len(row.Sections) == 0 {
		row.Sections = fallback
	}
	if len(row.Sections) == 0 {
		return row, "section"
	}
	if at := get("consent_at"); at != "" {
		for _, layout := range []string{time.DateOnly, "02/01/2006", time.RFC3339} {
			if parsed, err := time.ParseInLocation(layout, at, Zone); err == nil {
				row.ConsentAt = &parsed
			}
		}
		if row.ConsentAt == nil {
			return row, "consent_at"
		}
	}
	return row, ""
}

// separator is whichever of semicolon, tab and comma the first line has most of.
func separator(head []byte) rune {
	first, _, _ := bytes.Cut(head, []byte("\n"))
	best, most := ',', bytes.Count(first, []byte(","))
	for _, r := range []rune{';', '\t'} {
		if n := bytes.Count(first, []byte(string(r))); n > most {
			best, most = r, n
		}
	}
	return best
}
