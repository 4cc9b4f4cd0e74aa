package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"toasoan/newsroom"
)

// A caller who may have to repeat a request that creates something gives it a key (Idempotency-Key). The key is the person's own;
// beside it stand what was made and a hash of what was asked. Keys are kept for a week.

// keyInHand is how long a key that has nothing beside it yet is left to whoever brought it first.
const keyInHand = time.Minute

const (
	sqlTakeKey = `
	INSERT INTO idempotency_keys (user_id, key, resource, request, created_at) VALUES (@user, @key, @resource, @request, @at)
	ON CONFLICT (user_id, key) DO NOTHING`
	sqlKey = `SELECT resource, request, created_at FROM idempotency_keys WHERE user_id = @user AND key = @key FOR UPDATE`
)

// CreateArticleOnce is CreateArticle for a caller who may repeat it, through any door: under a key that by has used before for the
// same request it makes nothing and returns the article of then as it stands now, again being true. newsroom.ErrConflict when
// the key was used for another request. An empty key always creates.
func (s *Store) CreateArticleOnce(ctx context.Context, by newsroom.Person, door newsroom.Door, key string, request []byte, c newsroom.Content) (d newsroom.Draft, again bool, err error) {
	if !by.Writes() {
		return d, false, newsroom.ErrForbidden
	}
	if over := c.TooLong(); len(over) > 0 {
		return d, false, &newsroom.InvalidError{Fields: over}
	}
	id := newsroom.NewID()
	err = s.tx(ctx, func(tx pgx.Tx) error {
		now := s.now().UTC()
		if again = false; key != "" {
			first, err := s.takeKey(ctx, tx, by.ID, key, id, request, now)
			if err != nil {
				return err
			}
			if again = first != id; again {
				id = first
				return nil
			}
		}
		if _, err := tx.Exec(ctx, sqlInsertArticle, args{
			"id": id, "section": c.Section, "title": c.Title, "slug": c.Slug, "author": by.ID, "draft": toJSON(c), "hash": c.Hash(), "at": now,
		}); err != nil {
			return err
		}
		_, err := s.appendAudit(ctx, tx, auditRow{
			ArticleID: id, At: now, ActorID: by.ID, ActorName: by.Name, Capacity: newsroom.AsAuthor, Door: door,
			Action: string(newsroom.MoveCreate), To: newsroom.StageDraft, Public: newsroom.PublicHidden, Hash: c.Hash(),
		})
		return err
	})
	if err != nil {
		return d, false, fmt.Errorf("create article: %w", err)
	}
	d, err = s.Draft(ctx, id)
	return d, again, err
}

// takeKey writes resource beside a fresh key and returns it, or what stands there already.
func (s *Store) takeKey(ctx context.Context, tx pgx.Tx, user, key, resource string, request []byte, now time.Time) (string, error) {
	tag, err := tx.Exec(ctx, sqlTakeKey, args{"user": user, "key": key, "resource": resource, "request": request, "at": now})
	if err != nil || tag.RowsAffected() == 1 {
		return resource, err
	}
	var first string
	var asked []byte
	var at time.Time
	if err := tx.QueryRow(ctx, sqlKey, args{"user": user, "key": key}).Scan(&first, &asked, &at); err != nil {
		return "", err
	}
	if !bytes.Equal(asked, request) {
		return "", newsroom.ErrConflict
	}
	return first, nil
}

const (
	sqlHoldKey = `UPDATE idempotency_keys SET created_at = @at WHERE user_id = @user AND key = @key AND resource = ''`
	sqlNameKey = `UPDATE idempotency_keys SET resource = @resource WHERE user_id = @user AND key = @key AND resource = ''`
	sqlDropKey = `DELETE FROM idempotency_keys WHERE user_id = @user AND key = @key AND resource = ''`
)

// Once runs create unless user has brought the same key with the same request before, and returns what it made, or had made
// (again). It is for creations that cannot share a transaction with the key: where the process dies in between, a repeat runs
// create again. newsroom.ErrConflict when the key was used for another request, newsroom.ErrPending while the first one is still
// at work. An empty key always creates; a failed create leaves the key free.
func (s *Store) Once(ctx context.Context, user, key string, request []byte, create func(context.Context) (resource string, err error)) (resource string, again bool, err error) {
	if key == "" {
		resource, err = create(ctx)
		return resource, false, err
	}
	first, err := s.holdKey(ctx, user, key, request)
	if err != nil || first != "" {
		return first, err == nil, err
	}
	if resource, err = create(ctx); err != nil {
		_, dropped := s.db.Exec(context.WithoutCancel(ctx), sqlDropKey, args{"user": user, "key": key})
		return "", false, errors.Join(err, dropped)
	}
	if _, err := s.db.Exec(ctx, sqlNameKey, args{"user": user, "key": key, "resource": resource}); err != nil {
		return resource, false, fmt.Errorf("keep idempotency key: %w", err)
	}
	return resource, false, nil
}

// holdKey takes a key in hand, or returns what was made under it.
func (s *Store) holdKey(ctx context.Context, user, key string, request []byte) (first string, err error) {
	err = s.tx(ctx, func(tx pgx.Tx) error {
		now := s.now().UTC()
		tag, err := tx.Exec(ctx, sqlTakeKey, args{"user": user, "key": key, "resource": "", "request": request, "at": now})
		if err != nil || tag.RowsAffected() == 1 {
			return err
		}
		var asked []byte
		var at time.Time
		if err := tx.QueryRow(ctx, sqlKey, args{"user": user, "key": key}).Scan(&first, &asked, &at); err != nil {
			return err
		}
		switch {
		case !bytes.Equal(asked, request):
			return newsroom.ErrConflict
		case first != "":
			return nil
		case now.Sub(at) < keyInHand:
			return newsroom.ErrPending
		}
		_, err = tx.Exec(ctx, sqlHoldKey, args{"user": user, "key": key, "at": now})
		return err
	})
	if err != nil {
		return "", fmt.Errorf("idempotency key: %w", err)
	}
	return first, nil
}
