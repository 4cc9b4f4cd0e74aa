package store

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"toasoan/newsroom"
)

// auditRow is one act on record. It never holds an address.
type auditRow struct {
	ArticleID  string
	At         time.Time
	ActorID    string
	ActorName  string
	Capacity   newsroom.Capacity
	OnBehalfOf string
	Door       newsroom.Door
	Action     string
	From, To   newsroom.Stage
	Public     newsroom.Public
	Revision   int
	Hash       string
	Code       newsroom.ReasonCode
	Reason     string
	RequestID  string
	Detail     map[string]any
}

const (
	// The lock serialises the chain: each row names the hash of the one before.
	sqlLockAudit   = `SELECT pg_advisory_xact_lock(7305118002)`
	sqlLastAudit   = `SELECT id, hash FROM audit ORDER BY id DESC LIMIT 1`
	sqlNextSeq     = `UPDATE articles SET seq = seq + 1 WHERE id = @id RETURNING seq`
	sqlInsertAudit = `
	INSERT INTO audit (id, article_id, n, at, actor_id, actor_name, capacity, on_behalf_of, door, action, from_stage, to_stage,
	  public, revision, content_hash, reason_code, reason, request_id, detail, prev_hash, hash)
	VALUES (@id, @article_id, @n, @at, @actor_id, @actor_name, @capacity, @on_behalf_of, @door, @action, @from_stage, @to_stage,
	  @public, @revision, @content_hash, @reason_code, @reason, @request_id, @detail, @prev_hash, @hash)`
)

// appendAudit adds r to the chain inside tx and returns its sequence within the article (0 for acts about none). It takes the
// chain's lock until tx ends, so call it late.
func (s *Store) appendAudit(ctx context.Context, tx pgx.Tx, r auditRow) (n int64, err error) {
	if r.ArticleID != "" {
		if err := tx.QueryRow(ctx, sqlNextSeq, args{"id": r.ArticleID}).Scan(&n); err != nil {
			return 0, fmt.Errorf("next sequence of article %s: %w", r.ArticleID, err)
		}
	}
	if _, err := tx.Exec(ctx, sqlLockAudit); err != nil {
		return 0, fmt.Errorf("lock audit: %w", err)
	}
	var last int64
	var prev []byte
	if err := tx.QueryRow(ctx, sqlLastAudit).Scan(&last, &prev); err != nil && !errors.Is(notFound(err), newsroom.ErrNotFound) {
		return 0, fmt.Errorf("read newest audit row: %w", err)
	}
	if prev == nil {
		prev = make([]byte, sha256.Size)
	}
	if r.Detail == nil {
		r.Detail = map[string]any{}
	}
	r.Reason = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(r.Reason) // spreadsheets know one line break in a cell
	row := AuditRecord{
		ID: last + 1, ArticleID: r.ArticleID, N: n, At: r.At.UTC().Truncate(time.Microsecond), ActorID: r.ActorID, ActorName: r.ActorName,
		Capacity: string(r.Capacity), OnBehalfOf: r.OnBehalfOf, Door: string(r.Door), Action: r.Action, From: string(r.From),
		To: string(r.To), Public: string(r.Public), Revision: r.Revision, ContentHash: r.Hash, ReasonCode: string(r.Code),
		Reason: r.Reason, RequestID: r.RequestID, Detail: toJSON(r.Detail), PrevHash: prev,
	}
	row.Hash = row.Sum()
	_, err = tx.Exec(ctx, sqlInsertAudit, args{
		"id": row.ID, "article_id": row.ArticleID, "n": row.N, "at": row.At, "actor_id": row.ActorID, "actor_name": row.ActorName,
		"capacity": row.Capacity, "on_behalf_of": row.OnBehalfOf, "door": row.Door, "action": row.Action, "from_stage": row.From,
		"to_stage": row.To, "public": row.Public, "revision": row.Revision, "content_hash": row.ContentHash,
		"reason_code": row.ReasonCode, "reason": row.Reason, "request_id": row.RequestID, "detail": row.Detail,
		"prev_hash": row.PrevHash, "hash": row.Hash,
	})
	if err != nil {
		return 0, fmt.Errorf("append audit row: %w", err)
	}
	return n, nil
}

// AuditRecord is one row of the chain as it is stored and exported.
type AuditRecord struct {
	ID          int64           `json:"id"`
	ArticleID   string          `json:"article_id"`
	N           int64           `json:"n"`
	At          time.Time       `json:"at"`
	ActorID     string          `json:"actor_id"`
	ActorName   string          `json:"actor_name"`
	Capacity    string          `json:"capacity"`
	OnBehalfOf  string          `json:"on_behalf_of"`
	Door        string          `json:"door"`
	Action      string          `json:"action"`
	From        string          `json:"from_stage"`
	To          string          `json:"to_stage"`
	Public      string          `json:"public"`
	Revision    int             `json:"revision"`
	ContentHash string          `json:"content_hash"`
	ReasonCode  string          `json:"reason_code"`
	Reason      string          `json:"reason"`
	RequestID   string          `json:"request_id"`
	Detail      json.RawMessage `json:"detail"`
	PrevHash    []byte          `json:"prev_hash"`
	Hash        []byte          `json:"hash"`
}

// Sum is the hash of r: sha256 over the previous hash and the JSON of every other field. Detail counts by its values, since
// jsonb does not keep its spelling.
func (r AuditRecord) Sum() []byte {
	var detail map[string]any
	if json.Unmarshal(r.Detail, &detail) != nil {
		return nil
	}
	r.At, r.Hash, r.Detail = r.At.UTC(), nil, toJSON(detail)
	sum := sha256.Sum256(append(append([]byte(nil), r.PrevHash...), toJSON(r)...))
	return sum[:]
}

const sqlAudit = `
	SELECT id, article_id, n, at, actor_id, actor_name, capacity, on_behalf_of, door, action, from_stage, to_stage, public,
	  revision, content_hash, reason_code, reason, request_id, detail, prev_hash, hash
	FROM audit WHERE id > @after ORDER BY id LIMIT @limit`

// AuditAfter returns up to limit rows of the chain behind id after.
func (s *Store) AuditAfter(ctx context.Context, after int64, limit int) ([]AuditRecord, error) {
	rows, _ := s.db.Query(ctx, sqlAudit, args{"after": after, "limit": limit})
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[AuditRecord])
	if err != nil {
		return nil, fmt.Errorf("read audit: %w", err)
	}
	return list, nil
}

const sqlHistory = `
	SELECT a.n, a.at, a.actor_id, a.actor_name, a.capacity, coalesce(b.name, ''), a.door, a.action, a.from_stage, a.to_stage, a.public,
	  a.revision, a.content_hash, a.reason_code, a.reason
	FROM audit a LEFT JOIN users b ON b.id = a.on_behalf_of WHERE a.article_id = @id ORDER BY a.n`

// History is an article's record, oldest first.
func (s *Store) History(ctx context.Context, id string) ([]newsroom.HistoryRow, error) {
	rows, _ := s.db.Query(ctx, sqlHistory, args{"id": id})
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[newsroom.HistoryRow])
	if err != nil {
		return nil, fmt.Errorf("history of article %s: %w", id, err)
	}
	return list, nil
}
