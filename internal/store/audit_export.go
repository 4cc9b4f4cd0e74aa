package store

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"toasoan/newsroom"
)

// chain checks rows one after the other: ids without a gap, each row naming the hash of the one before, each hash that of its row.
type chain struct {
	last  int64
	prev  []byte
	roots map[string]bool // hashes that must occur, in hex
}

func newChain(roots []string) *chain {
	c := &chain{prev: make([]byte, sha256.Size), roots: map[string]bool{}}
	for _, r := range roots {
		c.roots[strings.ToLower(strings.TrimSpace(r))] = true
	}
	return c
}

func (c *chain) add(r AuditRecord) error {
	switch {
	case r.ID > c.last+1:
		return fmt.Errorf("audit row %d is missing", c.last+1)
	case r.ID != c.last+1:
		return fmt.Errorf("audit row %d stands behind row %d", r.ID, c.last)
	case !bytes.Equal(r.PrevHash, c.prev):
		return fmt.Errorf("audit row %d does not follow the one before it", r.ID)
	case !bytes.Equal(r.Sum(), r.Hash):
		return fmt.Errorf("audit row %d was altered", r.ID)
	}
	c.last, c.prev = r.ID, r.Hash
	delete(c.roots, hex.EncodeToString(r.Hash))
	return nil
}

// end reports roots that no row has: the chain was cut behind them or made anew.
func (c *chain) end() (newsroom.AuditPoint, error) {
	for root := range c.roots {
		return newsroom.AuditPoint{ID: c.last, Hash: c.prev}, fmt.Errorf("no row has the root %s: rows are missing at the end, or the chain was made anew", root)
	}
	return newsroom.AuditPoint{ID: c.last, Hash: c.prev}, nil
}

// VerifyAudit walks the whole chain and returns where it ends. The error names the first row that does not hold (a changed
// byte, a missing row, a swapped order) or a root, in hex, that no row has.
func (s *Store) VerifyAudit(ctx context.Context, roots ...string) (newsroom.AuditPoint, error) {
	c := newChain(roots)
	for {
		page, err := s.AuditAfter(ctx, c.last, 1000)
		if err != nil {
			return newsroom.AuditPoint{ID: c.last, Hash: c.prev}, err
		}
		if len(page) == 0 {
			return c.end()
		}
		for _, r := range page {
			if err := c.add(r); err != nil {
				return newsroom.AuditPoint{ID: c.last, Hash: c.prev}, err
			}
		}
	}
}

// ExportAudit writes the whole chain to w, oldest row first, and returns where it ends. It reads in pages: rows that come in while it
// runs may be in it.
func (s *Store) ExportAudit(ctx context.Context, w io.Writer, format newsroom.AuditFormat) (newsroom.AuditPoint, error) {
	var at newsroom.AuditPoint
	out := newAuditWriter(w, format)
	for {
		page, err := s.AuditAfter(ctx, at.ID, 1000)
		if err != nil {
			return at, err
		}
		for _, r := range page {
			if err := out.write(r); err != nil {
				return at, fmt.Errorf("export audit row %d: %w", r.ID, err)
			}
			at = newsroom.AuditPoint{ID: r.ID, Hash: r.Hash}
		}
		if len(page) < 1000 {
			if err := out.flush(); err != nil {
				return at, fmt.Errorf("export audit: %w", err)
			}
			return at, nil
		}
	}
}

// VerifyExport proves an export without any database. Rows must be in the form that ExportAudit gives them, byte for byte, so that
// nothing at all can be changed in the file without being found. The format is told by the first byte.
func VerifyExport(r io.Reader, roots ...string) (newsroom.AuditPoint, error) {
	in := bufio.NewReaderSize(r, 64<<10)
	c := newChain(roots)
	fail := func(err error) (newsroom.AuditPoint, error) {
		return newsroom.AuditPoint{ID: c.last, Hash: c.prev}, err
	}
	first, err := in.Peek(1)
	if errors.Is(err, io.EOF) {
		return fail(errors.New("the file is empty"))
	}
	if err != nil {
		return fail(fmt.Errorf("read export: %w", err))
	}
	format := newsroom.AuditJSONL
	if first[0] != '{' {
		format = newsroom.AuditCSV
	}
	check := &comparer{in: in}
	out := newAuditWriter(check, format)
	rows := newAuditReader(check, format)
	for {
		record, err := rows()
		if errors.Is(err, io.EOF) {
			return c.end()
		}
		if err != nil {
			return fail(fmt.Errorf("row behind row %d: %w", c.last, err))
		}
		if err = out.write(record); err == nil {
			err = out.flush()
		}
		if err != nil {
			return fail(fmt.Errorf("row behind row %d: %w", c.last, err))
		}
		if check.differs() {
			return fail(fmt.Errorf("audit row %d was altered: it is not written as an export writes it", c.last+1))
		}
		if err := c.add(record); err != nil {
			return fail(err)
		}
	}
}

// comparer hands on what it reads and compares it with what is written to it.
type comparer struct {
	in      *bufio.Reader
	read    bytes.Buffer
	written bytes.Buffer
}

// line reads one line with its end; quoted line breaks of CSV are part of it.
func (c *comparer) line(quoted bool) ([]byte, error) {
	var line []byte
	for {
		part, err := c.in.ReadBytes('\n')
		line = append(line, part...)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		if errors.Is(err, io.EOF) && len(line) == 0 {
			return nil, io.EOF
		}
		if len(line) > 16<<20 {
			return nil, errors.New("a line of more than 16 MB")
		}
		if errors.Is(err, io.EOF) || !quoted || bytes.Count(line, []byte{'"'})%2 == 0 {
			c.read.Write(line)
			return line, nil
		}
	}
}

func (c *comparer) Write(p []byte) (int, error) { return c.written.Write(p) }

func (c *comparer) differs() bool {
	different := !bytes.Equal(c.read.Bytes(), c.written.Bytes())
	c.read.Reset()
	c.written.Reset()
	return different
}

func newAuditReader(c *comparer, format newsroom.AuditFormat) func() (AuditRecord, error) {
	if format == newsroom.AuditJSONL {
		return func() (r AuditRecord, err error) {
			line, err := c.line(false)
			if err != nil {
				return r, err
			}
			if err := json.Unmarshal(line, &r); err != nil {
				return r, errors.New("not a row of an export")
			}
			return r, nil
		}
	}
	head := true
	return func() (AuditRecord, error) {
		for {
			line, err := c.line(true)
			if err != nil {
				return AuditRecord{}, err
			}
			if head {
				head = false
				continue
			}
			return fromCSV(line)
		}
	}
}

// auditWriter writes rows in one of the formats.
type auditWriter struct {
	out   *bufio.Writer
	table *csv.Writer
	begun bool
}

func newAuditWriter(w io.Writer, format newsroom.AuditFormat) *auditWriter {
	a := &auditWriter{out: bufio.NewWriter(w)}
	if format == newsroom.AuditCSV {
		a.table = csv.NewWriter(a.out)
		a.table.UseCRLF = true
	}
	return a
}

func (a *auditWriter) write(r AuditRecord) error {
	r.At = r.At.UTC()
	if a.table == nil {
		raw, err := json.Marshal(r)
		if err != nil {
			return err
		}
		_, err = a.out.Write(append(raw, '\n'))
		return err
	}
	if !a.begun {
		a.begun = true
		if _, err := a.out.WriteString("\ufeff"); err != nil {
			return err
		}
		if err := a.table.Write(auditColumns); err != nil {
			return err
		}
	}
	return a.table.Write(toCSV(r))
}

func (a *auditWriter) flush() error {
	if a.table != nil {
		a.table.Flush()
		if err := a.table.Error(); err != nil {
			return err
		}
	}
	return a.out.Flush()
}

var auditColumns = []string{
	"id", "article_id", "n", "at", "actor_id", "actor_name", "capacity", "on_behalf_of", "door", "action", "from_stage", "to_stage", "public",
	"revision", "content_hash", "reason_code", "reason", "request_id", "detail", "prev_hash", "hash",
}

func toCSV(r AuditRecord) []string {
	var detail bytes.Buffer
	if json.Compact(&detail, r.Detail) != nil {
		detail.Reset()
	}
	fields := []string{
		strconv.FormatInt(r.ID, 10), r.ArticleID, strconv.FormatInt(r.N, 10), r.At.UTC().Format(time.RFC3339Nano), r.ActorID, r.ActorName, r.Capacity,
		r.OnBehalfOf, r.Door, r.Action, r.From, r.To, r.Public, strconv.Itoa(r.Revision), r.ContentHash, r.ReasonCode, r.Reason, r.RequestID,
		detail.String(), hex.EncodeToString(r.PrevHash), hex.EncodeToString(r.Hash),
	}
	for i, f := range fields {
		fields[i] = guardCell(f)
	}
	return fields
}

func fromCSV(line []byte) (r AuditRecord, err error) {
	in := csv.NewReader(bytes.NewReader(line))
	in.FieldsPerRecord = len(auditColumns)
	f, err := in.Read()
	if err != nil {
		return r, errors.New("not a row of an export")
	}
	for i := range f {
		f[i] = strings.TrimPrefix(f[i], "'")
	}
	numbers := [3]int64{}
	for i, column := range []int{0, 2, 13} {
		if numbers[i], err = strconv.ParseInt(f[column], 10, 64); err != nil {
			return r, errors.New("not a row of an export")
		}
	}
	at, err := time.Parse(time.RFC3339Nano, f[3])
	if err != nil || !json.Valid([]byte(f[18])) {
		return r, errors.New("not a row of an export")
	}
	prev, err := hex.DecodeString(f[19])
	if err != nil {
		return r, errors.New("not a row of an export")
	}
	hash, err := hex.DecodeString(f[20])
	if err != nil {
		return r, errors.New("not a row of an export")
	}
	return AuditRecord{
		ID: numbers[0], ArticleID: f[1], N: numbers[1], At: at.UTC(), ActorID: f[4], ActorName: f[5], Capacity: f[6], OnBehalfOf: f[7], Door: f[8],
		Action: f[9], From: f[10], To: f[11], Public: f[12], Revision: int(numbers[2]), ContentHash: f[14], ReasonCode: f[15], Reason: f[16],
		RequestID: f[17], Detail: json.RawMessage(f[18]), PrevHash: prev, Hash: hash,
	}, nil
}

// guardCell keeps a spreadsheet from taking what somebody typed for a formula. A leading apostrophe is doubled, so that the cell can
// be read back.
func guardCell(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r'", rune(s[0])) {
		return "'" + s
	}
	return s
}
