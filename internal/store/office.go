package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"toasoan/internal/text"
	"toasoan/newsroom"
)

const (
	sqlOffices = `SELECT id, name, chief, position FROM offices ORDER BY position, id`
	sqlHolders = `
	SELECT h.office_id, h.user_id, u.name, h.from_at, h.to_at, h.deputy, u.active AND 'leader' = ANY (u.roles)
	FROM office_holders h JOIN users u ON u.id = h.user_id
	WHERE h.to_at IS NULL OR h.to_at > @now ORDER BY h.deputy, h.from_at, u.name`
	sqlDelegations = `
	SELECT d.id, d.office_id, d.from_user, f.name, d.to_user, t.name, d.from_at, d.to_at, d.reason, d.ended_at
	FROM delegations d JOIN users f ON f.id = d.from_user JOIN users t ON t.id = d.to_user
	WHERE d.to_at > @now AND d.ended_at IS NULL ORDER BY d.from_at`
)

// Offices lists every office with who sits there now or will, and the delegations that run or are to come.
func (s *Store) Offices(ctx context.Context) ([]newsroom.Office, error) {
	now := s.now().UTC()
	rows, _ := s.db.Query(ctx, sqlOffices)
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (o newsroom.Office, err error) {
		return o, row.Scan(&o.ID, &o.Name, &o.Chief, &o.Position)
	})
	if err != nil {
		return nil, fmt.Errorf("list offices: %w", err)
	}
	rows, _ = s.db.Query(ctx, sqlHolders, args{"now": now})
	holders, err := pgx.CollectRows(rows, pgx.RowToStructByPos[newsroom.Holder])
	if err != nil {
		return nil, fmt.Errorf("list holders of offices: %w", err)
	}
	rows, _ = s.db.Query(ctx, sqlDelegations, args{"now": now})
	delegations, err := pgx.CollectRows(rows, pgx.RowToStructByPos[newsroom.Delegation])
	if err != nil {
		return nil, fmt.Errorf("list delegations: %w", err)
	}
	for i := range list {
		for _, h := range holders {
			if h.OfficeID == list[i].ID {
				list[i].Holders = append(list[i].Holders, h)
			}
		}
		for _, d := range delegations {
			if d.OfficeID == list[i].ID {
				list[i].Delegations = append(list[i].Delegations, d)
			}
		}
	}
	return list, nil
}

const (
	sqlSaveOffice = `
	INSERT INTO offices (id, name, chief, position) VALUES (@id, @name, @chief, @position)
	ON CONFLICT (id) DO UPDATE SET name = @name, chief = @chief, position = @position`
	sqlOnlyChief = `UPDATE offices SET chief = false WHERE id <> @id`
)

// SaveOffice makes or renames an office; without an id it gets one. At most one office is the chief's.
func (s *Store) SaveOffice(ctx context.Context, by newsroom.Person, in newsroom.Office) (newsroom.Office, error) {
	in.Name = firstRunes(text.Line(in.Name), 200)
	if in.Name == "" {
		return in, &newsroom.InvalidError{Fields: []newsroom.FieldError{{Field: "name", Code: "required"}}}
	}
	if in.ID == "" {
		in.ID = newsroom.NewID()
	}
	err := s.tx(ctx, func(tx pgx.Tx) error {
		if in.Chief {
			if _, err := tx.Exec(ctx, sqlOnlyChief, args{"id": in.ID}); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(ctx, sqlSaveOffice, args{"id": in.ID, "name": in.Name, "chief": in.Chief, "position": in.Position}); err != nil {
			return err
		}
		return s.adminAct(ctx, tx, by, "office.save", map[string]any{"office_id": in.ID, "name": in.Name, "chief": in.Chief})
	})
	if err != nil {
		return in, fmt.Errorf("save office %s: %w", in.ID, err)
	}
	return in, nil
}

const (
	sqlHolds        = `SELECT EXISTS (SELECT FROM office_holders WHERE office_id = @office AND user_id = @user AND (to_at IS NULL OR to_at > @at))`
	sqlInsertHolder = `INSERT INTO office_holders (office_id, user_id, from_at, deputy) VALUES (@office, @user, @at, @deputy)`
	sqlEndHolder    = `UPDATE office_holders SET to_at = @at WHERE office_id = @office AND user_id = @user AND (to_at IS NULL OR to_at > @at)`
)

// Seat puts a person into an office from now on, as holder or as deputy. newsroom.ErrForbidden when the person is no active
// leader, newsroom.ErrConflict when they sit there already, newsroom.ErrNotFound for an unknown office or person.
func (s *Store) Seat(ctx context.Context, by newsroom.Person, officeID, userID string, deputy bool) error {
	err := s.tx(ctx, func(tx pgx.Tx) error {
		p, err := s.person(ctx, tx, userID)
		if err != nil {
			return err
		}
		if !p.Is(newsroom.RoleLeader) {
			return newsroom.ErrForbidden
		}
		now := s.now().UTC()
		var there bool
		if err := tx.QueryRow(ctx, sqlHolds, args{"office": officeID, "user": userID, "at": now}).Scan(&there); err != nil {
			return err
		}
		if there {
			return newsroom.ErrConflict
		}
		_, err = tx.Exec(ctx, sqlInsertHolder, args{"office": officeID, "user": userID, "at": now, "deputy": deputy})
		if isCode(err, "23503") { // foreign_key_violation
			return newsroom.ErrNotFound
		}
		if err != nil {
			return err
		}
		return s.adminAct(ctx, tx, by, "office.seat", map[string]any{"office_id": officeID, "user_id": userID, "deputy": deputy})
	})
	if err != nil {
		return fmt.Errorf("seat user %s in office %s: %w", userID, officeID, err)
	}
	return nil
}

// Unseat ends a person's time in an office now. What is asked of them stays open for them until the step closes.
func (s *Store) Unseat(ctx context.Context, by newsroom.Person, officeID, userID string) error {
	err := s.tx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, sqlEndHolder, args{"office": officeID, "user": userID, "at": s.now().UTC()})
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return newsroom.ErrNotFound
		}
		return s.adminAct(ctx, tx, by, "office.unseat", map[string]any{"office_id": officeID, "user_id": userID})
	})
	if err != nil {
		return fmt.Errorf("unseat user %s of office %s: %w", userID, officeID, err)
	}
	return nil
}

const (
	sqlInsertDelegation = `
	INSERT INTO delegations (id, office_id, from_user, to_user, from_at, to_at, reason, created_by, created_at)
	VALUES (@id, @office, @from, @to, @start, @end, @reason, @by, @at)`
	sqlHoldsOwn = `SELECT EXISTS (SELECT FROM office_holders WHERE office_id = @office AND user_id = @user AND NOT deputy AND (to_at IS NULL OR to_at > @at))`
)

// Delegate lets d.To decide for d.From in an office between two dates; d.From or an admin says so. newsroom.ErrForbidden for anybody
// else, when d.From does not hold the office, and when d.To is no active leader or d.From; *newsroom.InvalidError for dates
// that are over or in the wrong order. One that begins now takes over at once what is being asked; a later one when it begins.
func (s *Store) Delegate(ctx context.Context, by newsroom.Person, d newsroom.Delegation) (string, error) {
	now := s.now().UTC()
	if !d.End.After(d.Start) || !d.End.After(now) {
		return "", &newsroom.InvalidError{Fields: []newsroom.FieldError{{Field: "end", Code: "bad_dates"}}}
	}
	id := newsroom.NewID()
	err := s.tx(ctx, func(tx pgx.Tx) error {
		to, err := s.person(ctx, tx, d.To)
		if err != nil {
			return err
		}
		var holds bool
		if err := tx.QueryRow(ctx, sqlHoldsOwn, args{"office": d.OfficeID, "user": d.From, "at": now}).Scan(&holds); err != nil {
			return err
		}
		if !holds || d.To == d.From || !to.Is(newsroom.RoleLeader) || (by.ID != d.From && !by.Is(newsroom.RoleAdmin)) {
			return newsroom.ErrForbidden
		}
		if _, err := tx.Exec(ctx, sqlInsertDelegation, args{
			"id": id, "office": d.OfficeID, "from": d.From, "to": d.To, "start": d.Start.UTC(), "end": d.End.UTC(),
			"reason": firstRunes(text.Line(d.Reason), 500), "by": by.ID, "at": now,
		}); err != nil {
			return err
		}
		if !d.Start.After(now) {
			if err := s.reseatOffices(ctx, tx, []string{d.OfficeID}, by.ID, now); err != nil {
				return err
			}
		}
		return s.delegationAct(ctx, tx, by, "office.delegate", map[string]any{
			"delegation_id": id, "office_id": d.OfficeID, "from": d.From, "to": d.To, "start": d.Start.UTC().Format(time.RFC3339), "end": d.End.UTC().Format(time.RFC3339),
		})
	})
	if err != nil {
		return "", fmt.Errorf("delegate office %s: %w", d.OfficeID, err)
	}
	return id, nil
}

const sqlEndDelegation = `
	UPDATE delegations SET ended_at = @at WHERE id = @id AND ended_at IS NULL AND to_at > @at AND (from_user = @by OR @admin) RETURNING office_id`

// EndDelegation ends a delegation before its date and asks the holder again what the deputy has not answered; whoever delegated or an admin may. newsroom.ErrNotFound otherwise.
func (s *Store) EndDelegation(ctx context.Context, by newsroom.Person, id string) error {
	err := s.tx(ctx, func(tx pgx.Tx) error {
		now := s.now().UTC()
		var office string
		err := tx.QueryRow(ctx, sqlEndDelegation, args{"id": id, "at": now, "by": by.ID, "admin": by.Is(newsroom.RoleAdmin)}).Scan(&office)
		if err != nil {
			return notFound(err)
		}
		if err := s.reseatOffices(ctx, tx, []string{office}, by.ID, now); err != nil {
			return err
		}
		return s.delegationAct(ctx, tx, by, "office.delegation_end", map[string]any{"delegation_id": id})
	})
	if err != nil {
		return fmt.Errorf("end delegation %s: %w", id, err)
	}
	return nil
}

func (s *Store) delegationAct(ctx context.Context, tx pgx.Tx, by newsroom.Person, action string, detail map[string]any) error {
	if by.Is(newsroom.RoleAdmin) {
		return s.adminAct(ctx, tx, by, action, detail)
	}
	return s.ownAct(ctx, tx, by.ID, action, detail)
}

// Seats lists who may decide for offices at a moment: each holder, or their delegate under a running delegation. People who are not
// active leaders are left out.
func (s *Store) Seats(ctx context.Context, offices []string, at time.Time) ([]newsroom.Seat, error) {
	return s.seats(ctx, s.db, offices, at)
}
