package store

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"toasoan/newsroom"
)

// Policy is the newest policy of section, else the whole office's, else the default over the first office.
func (s *Store) Policy(ctx context.Context, section string) (newsroom.Policy, error) {
	return s.sectionPolicy(ctx, s.db, section)
}

const sqlPolicies = `
	SELECT DISTINCT ON (p.section_id) p.section_id, p.version, p.policy, coalesce(u.name, ''), p.created_at
	FROM policies p LEFT JOIN users u ON u.id = p.created_by ORDER BY p.section_id, p.version DESC`

// Policies lists the newest policy of each section that has one of its own; section "" is the whole office.
func (s *Store) Policies(ctx context.Context) ([]newsroom.PolicyVersion, error) {
	rows, _ := s.db.Query(ctx, sqlPolicies)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[newsroom.PolicyVersion])
	if err != nil {
		return nil, fmt.Errorf("list policies: %w", err)
	}
	return list, nil
}

const sqlPolicyVersions = `
	SELECT p.section_id, p.version, p.policy, coalesce(u.name, ''), p.created_at
	FROM policies p LEFT JOIN users u ON u.id = p.created_by WHERE p.section_id = @section ORDER BY p.version DESC`

// PolicyVersions lists every version of a section's own policy, newest first.
func (s *Store) PolicyVersions(ctx context.Context, section string) ([]newsroom.PolicyVersion, error) {
	rows, _ := s.db.Query(ctx, sqlPolicyVersions, args{"section": section})
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[newsroom.PolicyVersion])
	if err != nil {
		return nil, fmt.Errorf("policy versions of section %s: %w", section, err)
	}
	return list, nil
}

const (
	sqlLastPolicy   = `SELECT coalesce(max(version), 0) FROM policies WHERE section_id = @section`
	sqlInsertPolicy = `INSERT INTO policies (section_id, version, policy, created_by, created_at) VALUES (@section, @version, @policy, @by, @at)`
	sqlLockPolicies = `LOCK TABLE policies IN SHARE ROW EXCLUSIVE MODE`
)

// SavePolicy writes the next version of a section's policy ("" the whole office's). Rounds that run keep theirs. *newsroom.InvalidError
// when it names no step, an unknown office or a quorum that cannot be reached, or a time out of bounds.
func (s *Store) SavePolicy(ctx context.Context, by newsroom.Person, section string, p newsroom.Policy) (version int, err error) {
	err = s.tx(ctx, func(tx pgx.Tx) error {
		if wrong, err := s.policyTrouble(ctx, tx, p); err != nil || len(wrong) > 0 {
			if err != nil {
				return err
			}
			return &newsroom.InvalidError{Fields: wrong}
		}
		if _, err := tx.Exec(ctx, sqlLockPolicies); err != nil {
			return err
		}
		if err := tx.QueryRow(ctx, sqlLastPolicy, args{"section": section}).Scan(&version); err != nil {
			return err
		}
		version++
		p.Version = version
		if _, err := tx.Exec(ctx, sqlInsertPolicy, args{"section": section, "version": version, "policy": toJSON(p), "by": by.ID, "at": s.now().UTC()}); err != nil {
			return err
		}
		return s.adminAct(ctx, tx, by, "policy.save", map[string]any{"section_id": section, "version": version, "policy": p})
	})
	if err != nil {
		return 0, fmt.Errorf("save policy of section %q: %w", section, err)
	}
	return version, nil
}

// policyTrouble lists what is wrong with p. Times are in minutes.
func (s *Store) policyTrouble(ctx context.Context, q querier, p newsroom.Policy) ([]newsroom.FieldError, error) {
	var wrong []newsroom.FieldError
	bad := func(field, code string) { wrong = append(wrong, newsroom.FieldError{Field: field, Code: code}) }
	offices := make([]string, 0, len(p.Steps))
	for i, step := range p.Steps {
		field := fmt.Sprintf("steps.%d", i)
		if slices.Contains(offices, step.Office) {
			bad(field, "office_twice")
		}
		offices = append(offices, step.Office)
		switch step.Quorum {
		case newsroom.QuorumAny, newsroom.QuorumAll:
		case newsroom.QuorumN:
			if step.N < 1 || step.N > 20 {
				bad(field, "quorum")
			}
		default:
			bad(field, "quorum")
		}
	}
	if len(p.Steps) == 0 {
		bad("steps", "required")
	}
	var known int
	if err := q.QueryRow(ctx, sqlKnownOffices, args{"ids": offices}).Scan(&known); err != nil {
		return nil, fmt.Errorf("look up offices: %w", err)
	}
	if known != len(offices) && len(wrong) == 0 {
		bad("steps", "office_unknown")
	}
	const month = 31 * 24 * 60
	for field, minutes := range map[string]int{
		"edit_minutes": p.EditMinutes, "approve_minutes": p.ApproveMinutes, "second_sign_minutes": p.SecondSignMinutes,
	} {
		if minutes < 1 || minutes > month {
			bad(field, "out_of_range")
		}
	}
	if p.CoolingOffMinutes < 0 || p.CoolingOffMinutes > 24*60 {
		bad("cooling_off_minutes", "out_of_range")
	}
	return wrong, nil
}

const sqlKnownOffices = `SELECT count(*) FROM offices WHERE id = ANY (@ids)`
