package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"toasoan/internal/secret"
	"toasoan/internal/text"
	"toasoan/newsroom"
)

const sqlSaveSetting = `
	INSERT INTO settings (key, value, updated_at) VALUES (@key, @value, @at)
	ON CONFLICT (key) DO UPDATE SET value = @value, updated_at = @at`

// Setting reads the setting key into out, which keeps its value where nobody has set it.
func (s *Store) Setting(ctx context.Context, key string, out any) error {
	var raw []byte
	err := notFound(s.db.QueryRow(ctx, sqlSetting, args{"key": key}).Scan(&raw))
	if errors.Is(err, newsroom.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read setting %s: %w", key, err)
	}
	if err := json.Unmarshal(raw, out); err != nil {
		return fmt.Errorf("decode setting %s: %w", key, err)
	}
	return nil
}

// SaveSetting writes the setting key, on record as by's act. Every public page may show it: page caches are told.
func (s *Store) SaveSetting(ctx context.Context, by newsroom.Person, key string, value any) error {
	err := s.tx(ctx, func(tx pgx.Tx) error { return s.saveSetting(ctx, tx, by, key, value) })
	if err != nil {
		return fmt.Errorf("save setting %s: %w", key, err)
	}
	return nil
}

func (s *Store) saveSetting(ctx context.Context, tx pgx.Tx, by newsroom.Person, key string, value any) error {
	if _, err := tx.Exec(ctx, sqlSaveSetting, args{"key": key, "value": toJSON(value), "at": s.now().UTC()}); err != nil {
		return err
	}
	if err := s.bumpPortal(ctx, tx); err != nil {
		return err
	}
	return s.adminAct(ctx, tx, by, "setting.save", map[string]any{"key": key, "value": value})
}

// OfficeInfo is what the office is called and how it is reached; empty names before the first start is done.
func (s *Store) OfficeInfo(ctx context.Context) (newsroom.OfficeInfo, error) {
	var office newsroom.OfficeInfo
	return office, s.Setting(ctx, "office", &office)
}

// SaveOfficeInfo changes what the office is called. *newsroom.InvalidError without a portal name or unit.
func (s *Store) SaveOfficeInfo(ctx context.Context, by newsroom.Person, in newsroom.OfficeInfo) error {
	in, wrong := cleanOffice(in)
	if len(wrong) > 0 {
		return &newsroom.InvalidError{Fields: wrong}
	}
	return s.SaveSetting(ctx, by, "office", in)
}

func cleanOffice(in newsroom.OfficeInfo) (newsroom.OfficeInfo, []newsroom.FieldError) {
	var wrong []newsroom.FieldError
	for _, field := range []*string{
		&in.Portal, &in.Unit, &in.Parent, &in.Bureau, &in.Address, &in.Phone, &in.Email, &in.Chief, &in.License, &in.Accent,
	} {
		*field = firstRunes(text.Line(*field), 300)
	}
	if in.Portal == "" {
		wrong = append(wrong, newsroom.FieldError{Field: "portal", Code: "required"})
	}
	if in.Unit == "" {
		wrong = append(wrong, newsroom.FieldError{Field: "unit", Code: "required"})
	}
	if in.Email != "" {
		address, err := text.Email(in.Email)
		if err != nil {
			wrong = append(wrong, newsroom.FieldError{Field: "email", Code: "email"})
		}
		in.Email = address
	}
	switch in.Accent {
	case "red", "blue", "green", "brown":
	default:
		in.Accent = "red"
	}
	return in, wrong
}

const sqlLockUsers = `LOCK TABLE users IN SHARE ROW EXCLUSIVE MODE`

// FirstStart sets up an empty newsroom in one transaction: what the office is called, its sections, one office that approves,
// and the first admin with a password. newsroom.ErrConflict when somebody has an account already, *newsroom.InvalidError
// when the input is wrong.
func (s *Store) FirstStart(ctx context.Context, in newsroom.FirstStart) (newsroom.Person, error) {
	var wrong, more []newsroom.FieldError
	in.Office, wrong = cleanOffice(in.Office)
	in.Admin.Roles = []newsroom.Role{newsroom.RoleAdmin}
	in.Admin, more = cleanAccount(in.Admin)
	wrong = append(wrong, more...)
	if code := newsroom.PasswordTrouble(in.Password, in.Admin.Email, in.Admin.Name); code != "" {
		wrong = append(wrong, newsroom.FieldError{Field: "password", Code: code})
	}
	var sections []newsroom.Section
	for _, name := range in.Sections {
		if name = firstRunes(text.Line(name), 120); name == "" {
			continue
		}
		section := newsroom.Section{ID: text.Slug(name), NameVI: name, Position: len(sections)}
		if section.ID == "" || slices.ContainsFunc(sections, func(o newsroom.Section) bool { return o.ID == section.ID }) {
			wrong = append(wrong, newsroom.FieldError{Field: "sections", Code: "twice", Params: map[string]string{"name": name}})
			continue
		}
		sections = append(sections, section)
	}
	if len(sections) == 0 {
		wrong = append(wrong, newsroom.FieldError{Field: "sections", Code: "required"})
	}
	if in.Approver = firstRunes(text.Line(in.Approver), 200); in.Approver == "" {
		wrong = append(wrong, newsroom.FieldError{Field: "approver", Code: "required"})
	}
	if len(wrong) > 0 {
		return newsroom.Person{}, &newsroom.InvalidError{Fields: wrong}
	}
	id := newsroom.NewID()
	hash, err := secret.Hash(ctx, s.pepper("password", id, in.Password))
	if err != nil {
		return newsroom.Person{}, fmt.Errorf("first start: %w", err)
	}
	err = s.tx(ctx, func(tx pgx.Tx) error { return s.firstStart(ctx, tx, in, sections, id, hash) })
	if err != nil {
		return newsroom.Person{}, fmt.Errorf("first start: %w", err)
	}
	return s.Person(ctx, id)
}

func (s *Store) firstStart(ctx context.Context, tx pgx.Tx, in newsroom.FirstStart, sections []newsroom.Section, id, hash string) error {
	if _, err := tx.Exec(ctx, sqlLockUsers); err != nil {
		return err
	}
	var some bool
	if err := tx.QueryRow(ctx, sqlHasUsers).Scan(&some); err != nil {
		return err
	}
	if some {
		return newsroom.ErrConflict
	}
	now := s.now().UTC()
	if _, err := tx.Exec(ctx, sqlInsertUser, args{
		"id": id, "email": in.Admin.Email, "key": text.EmailKey(in.Admin.Email), "name": in.Admin.Name, "title": in.Admin.Title,
		"pen_name": in.Admin.PenName, "phone": in.Admin.Phone, "locale": in.Admin.Locale, "roles": in.Admin.Roles,
		"sections": []string{}, "at": now,
	}); err != nil {
		return err
	}
	if err := s.setPassword(ctx, tx, id, hash, ""); err != nil {
		return err
	}
	for _, section := range sections {
		if _, err := tx.Exec(ctx, sqlSaveSection, args{"id": section.ID, "vi": section.NameVI, "en": "", "position": section.Position, "retired": false}); err != nil {
			return err
		}
	}
	if _, err := tx.Exec(ctx, sqlSaveOffice, args{"id": newsroom.NewID(), "name": in.Approver, "chief": true, "position": 0}); err != nil {
		return err
	}
	return s.saveSetting(ctx, tx, newsroom.Person{ID: id, Name: in.Admin.Name}, "office", in.Office)
}
