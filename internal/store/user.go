package store

import (
	"context"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"toasoan/internal/text"
	"toasoan/newsroom"
)

// Person returns an account as the rules see it, active or not, or newsroom.ErrNotFound.
func (s *Store) Person(ctx context.Context, id string) (newsroom.Person, error) {
	return s.person(ctx, s.db, id)
}

const sqlAccounts = `
	SELECT u.id, u.email, u.name, u.title, u.locale, u.roles, u.sections, u.active, u.pen_name, u.phone, u.password_hash <> '',
	  u.pin_hash <> '', u.pin_void, u.totp_secret IS NOT NULL, cardinality(u.recovery), u.created_at, u.password_at,
	  (SELECT max(seen_at) FROM sessions WHERE user_id = u.id AND expiry > @now)
	FROM users u`

const (
	sqlAccount        = sqlAccounts + ` WHERE u.id = @id`
	sqlAccountByEmail = sqlAccounts + ` WHERE u.email_key = @email`
	sqlAllAccounts    = sqlAccounts + ` ORDER BY u.active DESC, u.name COLLATE "vi-x-icu", u.id`
)

func scanAccount(row pgx.CollectableRow) (a newsroom.Account, err error) {
	return a, row.Scan(&a.ID, &a.Email, &a.Name, &a.Title, &a.Locale, &a.Roles, &a.Sections, &a.Active, &a.PenName, &a.Phone,
		&a.HasPassword, &a.HasPIN, &a.PINVoid, &a.HasTOTP, &a.Recovery, &a.CreatedAt, &a.PasswordAt, &a.SeenAt)
}

// Account returns an account with what its own page shows, or newsroom.ErrNotFound.
func (s *Store) Account(ctx context.Context, id string) (newsroom.Account, error) {
	rows, _ := s.db.Query(ctx, sqlAccount, args{"id": id, "now": s.now().UTC()})
	a, err := pgx.CollectExactlyOneRow(rows, scanAccount)
	if err != nil {
		return a, fmt.Errorf("account %s: %w", id, notFound(err))
	}
	return a, nil
}

// AccountByEmail finds an account by its address, whatever its case, or newsroom.ErrNotFound.
func (s *Store) AccountByEmail(ctx context.Context, email string) (newsroom.Account, error) {
	rows, _ := s.db.Query(ctx, sqlAccountByEmail, args{"email": text.EmailKey(email), "now": s.now().UTC()})
	a, err := pgx.CollectExactlyOneRow(rows, scanAccount)
	if err != nil {
		return a, fmt.Errorf("account by address: %w", notFound(err))
	}
	return a, nil
}

// Accounts lists every account, active ones first, by name in Vietnamese order.
func (s *Store) Accounts(ctx context.Context) ([]newsroom.Account, error) {
	rows, _ := s.db.Query(ctx, sqlAllAccounts, args{"now": s.now().UTC()})
	list, err := pgx.CollectRows(rows, scanAccount)
	if err != nil {
		return nil, fmt.Errorf("list accounts: %w", err)
	}
	return list, nil
}

const sqlHasUsers = `SELECT EXISTS (SELECT FROM users)`

// Empty reports that nobody has an account yet: the first start.
func (s *Store) Empty(ctx context.Context) (bool, error) {
	var some bool
	if err := s.db.QueryRow(ctx, sqlHasUsers).Scan(&some); err != nil {
		return false, fmt.Errorf("look for accounts: %w", err)
	}
	return !some, nil
}

const sqlInsertUser = `
	INSERT INTO users (id, email, email_key, name, title, pen_name, phone, locale, roles, sections, active, created_at, updated_at)
	VALUES (@id, @email, @key, @name, @title, @pen_name, @phone, @locale, @roles, @sections, true, @at, @at)`

// CreateUser makes an account without a password; invited tells whether it is mailed a link to set one. by is the admin
// (the zero person: the first start or the command line). newsroom.ErrConflict when the address has an account,
// *newsroom.InvalidError when the input is wrong. Letters to post are in the result.
func (s *Store) CreateUser(ctx context.Context, by newsroom.Person, in newsroom.AccountInput, invited bool) (a newsroom.Account, letters []string, err error) {
	in, wrong := cleanAccount(in)
	if len(wrong) > 0 {
		return a, nil, &newsroom.InvalidError{Fields: wrong}
	}
	id := newsroom.NewID()
	err = s.tx(ctx, func(tx pgx.Tx) error {
		letters = nil
		now := s.now().UTC()
		_, err := tx.Exec(ctx, sqlInsertUser, args{
			"id": id, "email": in.Email, "key": text.EmailKey(in.Email), "name": in.Name, "title": in.Title, "pen_name": in.PenName,
			"phone": in.Phone, "locale": in.Locale, "roles": in.Roles, "sections": in.Sections, "at": now,
		})
		if isCode(err, "23505") { // unique_violation
			return newsroom.ErrConflict
		}
		if err != nil {
			return err
		}
		if invited {
			letter, err := s.accountLink(ctx, tx, newsroom.LinkPassword, newsroom.LetterAccountInvite, id, inviteLife)
			if err != nil {
				return err
			}
			letters = append(letters, letter)
		}
		return s.adminAct(ctx, tx, by, "user.create", map[string]any{"user_id": id, "roles": in.Roles, "sections": in.Sections})
	})
	if err != nil {
		return a, nil, fmt.Errorf("create user: %w", err)
	}
	a, err = s.Account(ctx, id)
	return a, letters, err
}

const sqlUpdateUser = `
	UPDATE users SET email = @email, email_key = @key, name = @name, title = @title, pen_name = @pen_name, phone = @phone,
	  locale = @locale, roles = @roles, sections = @sections, active = @active, updated_at = @at
	WHERE id = @id`

const sqlOtherAdmins = `SELECT count(*) FROM users WHERE id <> @id AND active AND 'admin' = ANY (roles)`

// UpdateUser changes an account. Deactivating it, or changing its roles, ends its sessions and revokes what it could act
// with; the last active admin can be neither deactivated nor stripped of the role (newsroom.ErrForbidden).
func (s *Store) UpdateUser(ctx context.Context, by newsroom.Person, id string, in newsroom.AccountInput) error {
	in, wrong := cleanAccount(in)
	if len(wrong) > 0 {
		return &newsroom.InvalidError{Fields: wrong}
	}
	err := s.tx(ctx, func(tx pgx.Tx) error {
		before, err := s.person(ctx, tx, id)
		if err != nil {
			return err
		}
		if before.Is(newsroom.RoleAdmin) && (!in.Active || !slices.Contains(in.Roles, newsroom.RoleAdmin)) {
			var others int
			if err := tx.QueryRow(ctx, sqlOtherAdmins, args{"id": id}).Scan(&others); err != nil {
				return err
			}
			if others == 0 {
				return newsroom.ErrForbidden
			}
		}
		_, err = tx.Exec(ctx, sqlUpdateUser, args{
			"id": id, "email": in.Email, "key": text.EmailKey(in.Email), "name": in.Name, "title": in.Title, "pen_name": in.PenName,
			"phone": in.Phone, "locale": in.Locale, "roles": in.Roles, "sections": in.Sections, "active": in.Active, "at": s.now().UTC(),
		})
		if isCode(err, "23505") {
			return newsroom.ErrConflict
		}
		if err != nil {
			return err
		}
		if !in.Active || !sameSet(before.Roles, in.Roles) {
			if err := s.revokeAll(ctx, tx, id, "", !in.Active); err != nil {
				return err
			}
		}
		if after := (newsroom.Person{Active: in.Active, Roles: in.Roles}); before.Is(newsroom.RoleLeader) != after.Is(newsroom.RoleLeader) {
			if err := s.reseatPerson(ctx, tx, id, by.ID); err != nil {
				return err
			}
		}
		return s.adminAct(ctx, tx, by, "user.update", map[string]any{
			"user_id": id, "roles": in.Roles, "sections": in.Sections, "active": in.Active,
			"name_changed": before.Name != in.Name, "address_changed": text.EmailKey(before.Email) != text.EmailKey(in.Email),
		})
	})
	if err != nil {
		return fmt.Errorf("update user %s: %w", id, err)
	}
	return nil
}

const sqlUpdateOwn = `UPDATE users SET locale = @locale, pen_name = @pen_name, phone = @phone, updated_at = @at WHERE id = @id`

// UpdateOwn changes what a person may change of the own account: language, pen name, telephone.
func (s *Store) UpdateOwn(ctx context.Context, id string, in newsroom.AccountInput) error {
	penName, phone := text.Line(in.PenName), text.Line(in.Phone)
	if in.Locale != "en" {
		in.Locale = "vi"
	}
	if utf8.RuneCountInString(penName) > 100 || utf8.RuneCountInString(phone) > 40 {
		return &newsroom.InvalidError{Fields: []newsroom.FieldError{{Field: "pen_name", Code: "too_long", Params: map[string]string{"max": "100"}}}}
	}
	_, err := s.db.Exec(ctx, sqlUpdateOwn, args{"id": id, "locale": in.Locale, "pen_name": penName, "phone": phone, "at": s.now().UTC()})
	if err != nil {
		return fmt.Errorf("update own account %s: %w", id, err)
	}
	return nil
}

func sameSet(a, b []newsroom.Role) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(slices.Compact(a), slices.Compact(b))
}

// cleanAccount normalises what somebody typed about an account and lists what is wrong with it.
func cleanAccount(in newsroom.AccountInput) (newsroom.AccountInput, []newsroom.FieldError) {
	var wrong []newsroom.FieldError
	bad := func(field, code string) { wrong = append(wrong, newsroom.FieldError{Field: field, Code: code}) }
	for _, field := range []*string{&in.Name, &in.Title, &in.PenName, &in.Phone} {
		*field = text.Line(*field)
	}
	address, err := text.Email(in.Email)
	if err != nil {
		bad("email", "email")
	} else {
		in.Email = address
	}
	if in.Name == "" {
		bad("name", "required")
	}
	for field, value := range map[string]string{"name": in.Name, "title": in.Title, "pen_name": in.PenName, "phone": in.Phone} {
		if utf8.RuneCountInString(value) > 200 {
			wrong = append(wrong, newsroom.FieldError{Field: field, Code: "too_long", Params: map[string]string{"max": "200"}})
		}
	}
	if in.Locale != "en" {
		in.Locale = "vi"
	}
	if len(in.Roles) == 0 || slices.ContainsFunc(in.Roles, func(r newsroom.Role) bool { return !slices.Contains(newsroom.Roles, r) }) {
		bad("roles", "required")
	}
	if in.Sections == nil {
		in.Sections = []string{}
	}
	return in, wrong
}

// adminAct puts an act of administration on record; by is the zero person for the first start and the command line.
func (s *Store) adminAct(ctx context.Context, tx pgx.Tx, by newsroom.Person, action string, detail map[string]any) error {
	row := auditRow{At: s.now(), ActorID: by.ID, ActorName: by.Name, Capacity: newsroom.AsAdmin, Door: newsroom.DoorPage, Action: action, Detail: detail}
	_, err := s.appendAudit(ctx, tx, row)
	return err
}

// ownAct puts on record what somebody did with the own account.
func (s *Store) ownAct(ctx context.Context, tx pgx.Tx, userID, action string, detail map[string]any) error {
	p, err := s.person(ctx, tx, userID)
	if err != nil {
		return err
	}
	_, err = s.appendAudit(ctx, tx, auditRow{At: s.now(), ActorID: p.ID, ActorName: p.Name, Door: newsroom.DoorPage, Action: action, Detail: detail})
	return err
}
