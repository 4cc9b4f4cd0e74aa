package store

import (
	"context"
	"fmt"
	"regexp"

	"github.com/jackc/pgx/v5"

	"toasoan/internal/text"
	"toasoan/newsroom"
)

const sqlAllSections = `SELECT id, name_vi, name_en, position, retired FROM sections ORDER BY position, name_vi COLLATE "vi-x-icu"`

// Sections lists every section in the order of the portal, retired ones too.
func (s *Store) Sections(ctx context.Context) ([]newsroom.Section, error) {
	rows, _ := s.db.Query(ctx, sqlAllSections)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[newsroom.Section])
	if err != nil {
		return nil, fmt.Errorf("list sections: %w", err)
	}
	return list, nil
}

const sqlSaveSection = `
	INSERT INTO sections (id, name_vi, name_en, position, retired) VALUES (@id, @vi, @en, @position, @retired)
	ON CONFLICT (id) DO UPDATE SET name_vi = @vi, name_en = @en, position = @position, retired = @retired`

var sectionForm = regexp.MustCompile(`^[a-z0-9-]{1,80}$`)

// SaveSection makes or changes a section; without an id it gets one from its Vietnamese name, or newsroom.ErrConflict when that is
// taken. Its id is in public addresses and never changes.
func (s *Store) SaveSection(ctx context.Context, by newsroom.Person, in newsroom.Section) (newsroom.Section, error) {
	in.NameVI, in.NameEN = firstRunes(text.Line(in.NameVI), 120), firstRunes(text.Line(in.NameEN), 120)
	fresh := in.ID == ""
	if fresh {
		in.ID = text.Slug(in.NameVI)
	}
	if in.NameVI == "" || !sectionForm.MatchString(in.ID) {
		return in, &newsroom.InvalidError{Fields: []newsroom.FieldError{{Field: "name_vi", Code: "required"}}}
	}
	err := s.tx(ctx, func(tx pgx.Tx) error {
		if fresh {
			var there bool
			if err := tx.QueryRow(ctx, sqlSectionThere, args{"id": in.ID}).Scan(&there); err != nil {
				return err
			}
			if there {
				return newsroom.ErrConflict
			}
		}
		if _, err := tx.Exec(ctx, sqlSaveSection, args{"id": in.ID, "vi": in.NameVI, "en": in.NameEN, "position": in.Position, "retired": in.Retired}); err != nil {
			return err
		}
		if err := s.bumpPortal(ctx, tx); err != nil {
			return err
		}
		return s.adminAct(ctx, tx, by, "section.save", map[string]any{"section_id": in.ID, "name": in.NameVI, "retired": in.Retired})
	})
	if err != nil {
		return in, fmt.Errorf("save section %s: %w", in.ID, err)
	}
	return in, nil
}

const sqlSectionThere = `SELECT EXISTS (SELECT FROM sections WHERE id = @id)`

// bumpPortal tells every web node that its cached pages are old.
func (s *Store) bumpPortal(ctx context.Context, tx pgx.Tx) error {
	if _, err := tx.Exec(ctx, sqlBumpPortal); err != nil {
		return fmt.Errorf("bump portal version: %w", err)
	}
	return nil
}
