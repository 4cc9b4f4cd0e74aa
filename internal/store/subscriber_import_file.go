package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/jackc/pgx/v5"

	"toasoan/newsroom"
)

// importPart is how much of an uploaded list one row holds.
const importPart = 1 << 20

const (
	sqlKeepPart  = `INSERT INTO subscriber_import_parts (import_id, nr, body, at) VALUES (@id, @nr, @body, @at)`
	sqlPart      = `SELECT body FROM subscriber_import_parts WHERE import_id = @id AND nr = @nr`
	sqlDropParts = `DELETE FROM subscriber_import_parts WHERE import_id = @id`
)

// partWriter keeps what is written to it as the parts of an import.
type partWriter struct {
	ctx  context.Context // io.Writer has none; it lives as long as one call
	s    *Store
	id   string
	nr   int
	held []byte
}

func (w *partWriter) Write(p []byte) (int, error) {
	w.held = append(w.held, p...)
	for len(w.held) >= importPart {
		if err := w.keep(w.held[:importPart]); err != nil {
			return 0, err
		}
		w.held = append(w.held[:0], w.held[importPart:]...)
	}
	return len(p), nil
}

func (w *partWriter) keep(part []byte) error {
	_, err := w.s.db.Exec(w.ctx, sqlKeepPart, args{"id": w.id, "nr": w.nr, "body": part, "at": w.s.now().UTC()})
	if err != nil {
		return fmt.Errorf("keep part %d of import %s: %w", w.nr, w.id, err)
	}
	w.nr++
	return nil
}

// flush keeps what is left.
func (w *partWriter) flush() error {
	if len(w.held) == 0 {
		return nil
	}
	return w.keep(w.held)
}

// partReader reads a kept list, a part at a time.
type partReader struct {
	ctx  context.Context // io.Reader has none; it lives as long as one call
	s    *Store
	id   string
	nr   int
	rest []byte
}

func (r *partReader) Read(p []byte) (int, error) {
	if len(r.rest) == 0 {
		err := r.s.db.QueryRow(r.ctx, sqlPart, args{"id": r.id, "nr": r.nr}).Scan(&r.rest)
		if errors.Is(err, pgx.ErrNoRows) {
			return 0, io.EOF
		}
		if err != nil {
			return 0, fmt.Errorf("part %d of import %s: %w", r.nr, r.id, err)
		}
		r.nr++
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

const sqlImportFallback = `SELECT fallback FROM subscriber_imports WHERE id = @id`

// errEnough ends the reading of a list.
var errEnough = errors.New("enough of the list is read")

// ImportLook returns the first people of a list that was uploaded and not imported yet, at most n, as they would be taken: what a
// person looks at to see whether the file was read rightly.
func (s *Store) ImportLook(ctx context.Context, id string, n int) (rows []newsroom.ImportRow, err error) {
	var fallback []string
	if err := s.db.QueryRow(ctx, sqlImportFallback, args{"id": id}).Scan(&fallback); err != nil {
		return nil, fmt.Errorf("look into import %s: %w", id, notFound(err))
	}
	err = s.eachBatch(ctx, &partReader{ctx: ctx, s: s, id: id}, fallback, 0, func(batch []importLine, _ int) error {
		for _, l := range batch {
			if l.wrong == "" && len(rows) < n {
				rows = append(rows, l.ImportRow)
			}
		}
		return errEnough
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, fmt.Errorf("look into import %s: %w", id, err)
	}
	return rows, nil
}

// How long lists wait: one that was only looked at holds addresses that nobody has taken; parts without an import are an upload that broke.
const (
	previewLife = 7 * 24 * time.Hour
	brokenLife  = 24 * time.Hour
)

const (
	sqlStalePreviews = `DELETE FROM subscriber_imports WHERE state = 'preview' AND created_at < @before`
	sqlLooseParts    = `
	DELETE FROM subscriber_import_parts p WHERE at < @before AND NOT EXISTS (SELECT FROM subscriber_imports i WHERE i.id = p.import_id)`
	sqlStalledImports = `SELECT id, by_id FROM subscriber_imports WHERE state = 'running' AND beat_at < @stale ORDER BY created_at`
)

const sqlDropPreview = `
	WITH gone AS (DELETE FROM subscriber_imports WHERE id = @id AND state = 'preview' RETURNING id)
	DELETE FROM subscriber_import_parts WHERE import_id IN (SELECT id FROM gone)`

// DropImport forgets a list that was only looked at; one that is being imported, or was, stays.
func (s *Store) DropImport(ctx context.Context, id string) error {
	if _, err := s.db.Exec(ctx, sqlDropPreview, args{"id": id}); err != nil {
		return fmt.Errorf("drop import %s: %w", id, err)
	}
	return nil
}

// SweepImports removes uploaded lists that nobody imported.
func (s *Store) SweepImports(ctx context.Context) error {
	now := s.now().UTC()
	if _, err := s.db.Exec(ctx, sqlStalePreviews, args{"before": now.Add(-previewLife)}); err != nil {
		return fmt.Errorf("sweep imports: %w", err)
	}
	if _, err := s.db.Exec(ctx, sqlLooseParts, args{"before": now.Add(-brokenLife)}); err != nil {
		return fmt.Errorf("sweep parts of imports: %w", err)
	}
	return nil
}

// StalledImports are running imports whose runner has gone.
func (s *Store) StalledImports(ctx context.Context) ([]newsroom.Import, error) {
	rows, _ := s.db.Query(ctx, sqlStalledImports, args{"stale": s.now().UTC().Add(-importStale)})
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (in newsroom.Import, err error) { return in, row.Scan(&in.ID, &in.By) })
	if err != nil {
		return nil, fmt.Errorf("list stalled imports: %w", err)
	}
	return list, nil
}
