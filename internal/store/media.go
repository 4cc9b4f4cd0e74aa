package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"toasoan/newsroom"
)

const (
	sqlInsertMedia = `
	INSERT INTO media (sha, kind, name, mime, width, height, size, bytes, created_by, created_at)
	VALUES (@sha, @kind, @name, @mime, @width, @height, @size, @bytes, @by, @at) ON CONFLICT (sha) DO NOTHING`
	sqlInsertVariant = `
	INSERT INTO media_variants (sha, width, ext, mime, bytes) VALUES (@sha, @width, @ext, @mime, @bytes)
	ON CONFLICT (sha, width, ext) DO NOTHING`
)

// SavePicture keeps a picture by the hash of what was uploaded, as its variants only; the same upload again changes nothing.
func (s *Store) SavePicture(ctx context.Context, m newsroom.Media, variants []newsroom.MediaVariant) error {
	if len(variants) == 0 {
		return fmt.Errorf("save picture %s: %w", m.SHA, errNoVariants)
	}
	err := s.tx(ctx, func(tx pgx.Tx) error {
		if err := s.insertMedia(ctx, tx, m, "image", nil); err != nil {
			return err
		}
		for _, v := range variants {
			if _, err := tx.Exec(ctx, sqlInsertVariant, args{"sha": m.SHA, "width": v.Width, "ext": v.Ext, "mime": v.MIME, "bytes": v.Bytes}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("save picture %s: %w", m.SHA, err)
	}
	return nil
}

var errNoVariants = errors.New("a picture without variants")

// SaveFile keeps an attachment as uploaded, by its hash; the same upload again changes nothing.
func (s *Store) SaveFile(ctx context.Context, m newsroom.Media, data []byte) error {
	err := s.tx(ctx, func(tx pgx.Tx) error { return s.insertMedia(ctx, tx, m, "file", data) })
	if err != nil {
		return fmt.Errorf("save file %s: %w", m.SHA, err)
	}
	return nil
}

func (s *Store) insertMedia(ctx context.Context, tx pgx.Tx, m newsroom.Media, kind string, data []byte) error {
	_, err := tx.Exec(ctx, sqlInsertMedia, args{
		"sha": m.SHA, "kind": kind, "name": m.Name, "mime": m.MIME, "width": m.Width, "height": m.Height, "size": m.Size,
		"bytes": data, "by": m.CreatedBy, "at": s.now().UTC(),
	})
	return err
}

const sqlMedia = `SELECT sha, kind, name, mime, width, height, size, created_by, created_at FROM media WHERE sha = @sha`

// Media returns what is known of an upload, or newsroom.ErrNotFound.
func (s *Store) Media(ctx context.Context, sha string) (newsroom.Media, error) {
	rows, _ := s.db.Query(ctx, sqlMedia, args{"sha": sha})
	m, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[newsroom.Media])
	if err != nil {
		return m, fmt.Errorf("media %s: %w", sha, notFound(err))
	}
	return m, nil
}

const sqlFile = `SELECT sha, kind, name, mime, width, height, size, created_by, created_at, bytes FROM media WHERE sha = @sha AND kind = 'file'`

// File returns an attachment with its bytes, or newsroom.ErrNotFound.
func (s *Store) File(ctx context.Context, sha string) (m newsroom.Media, data []byte, err error) {
	err = s.db.QueryRow(ctx, sqlFile, args{"sha": sha}).Scan(&m.SHA, &m.Kind, &m.Name, &m.MIME, &m.Width, &m.Height, &m.Size, &m.CreatedBy, &m.CreatedAt, &data)
	if err != nil {
		return m, nil, fmt.Errorf("file %s: %w", sha, notFound(err))
	}
	return m, data, nil
}

const sqlVariants = `SELECT width, ext, mime FROM media_variants WHERE sha = @sha ORDER BY width`

// Variants lists the sizes of a picture, ascending, without their bytes; none for what is no picture.
func (s *Store) Variants(ctx context.Context, sha string) ([]newsroom.MediaVariant, error) {
	rows, _ := s.db.Query(ctx, sqlVariants, args{"sha": sha})
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (v newsroom.MediaVariant, err error) {
		return v, row.Scan(&v.Width, &v.Ext, &v.MIME)
	})
	if err != nil {
		return nil, fmt.Errorf("variants of %s: %w", sha, err)
	}
	return list, nil
}

const sqlVariant = `SELECT width, ext, mime, bytes FROM media_variants WHERE sha = @sha AND width = @width AND ext = @ext`

// Variant returns one size of a picture with its bytes, or newsroom.ErrNotFound.
func (s *Store) Variant(ctx context.Context, sha string, width int, ext string) (newsroom.MediaVariant, error) {
	rows, _ := s.db.Query(ctx, sqlVariant, args{"sha": sha, "width": width, "ext": ext})
	v, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[newsroom.MediaVariant])
	if err != nil {
		return v, fmt.Errorf("picture %s at width %d: %w", sha, width, notFound(err))
	}
	return v, nil
}
