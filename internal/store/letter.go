package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"toasoan/newsroom"
)

// letter is one transactional mail to one person, as it is written in the transaction that causes it. Its id is
// deterministic, so that a repeat writes nothing. Data holds ids, codes and times only: what the template says is loaded
// when it is rendered.
type letter struct {
	ID           string
	Kind         newsroom.LetterKind
	UserID       string
	SubscriberID string
	ArticleID    string
	AskID        string
	N            int64 // audit sequence of the move the letter tells about
	Data         map[string]any
}

const sqlWriteLetter = `
	INSERT INTO letters (id, kind, user_id, subscriber_id, article_id, ask_id, data, message_id, verp, date, created_at)
	VALUES (@id, @kind, nullif(@user, ''), nullif(@subscriber, ''), nullif(@article, ''), nullif(@ask, ''), @data, @message_id, @verp, @at, @at)
	ON CONFLICT (id) DO NOTHING`

// writeLetter puts a letter into the outbox within tx, and names it in out (where given) so that its workflow starts at
// once; the reconcile schedule finds it otherwise.
func (s *Store) writeLetter(ctx context.Context, tx pgx.Tx, l letter, out *Settled) error {
	if l.Data == nil {
		l.Data = map[string]any{}
	}
	if l.N > 0 {
		l.Data["n"] = l.N
	}
	names := s.keys.MAC("letter", l.ID) // keyed: nobody can name a letter who has not got it
	if _, err := tx.Exec(ctx, sqlWriteLetter, args{
		"id": l.ID, "kind": l.Kind, "user": l.UserID, "subscriber": l.SubscriberID, "article": l.ArticleID, "ask": l.AskID,
		"data": toJSON(l.Data), "message_id": "l." + lower32(names[16:32]), "verp": "l" + lower32(names[:15]), "at": s.now().UTC(),
	}); err != nil {
		return fmt.Errorf("write letter %s: %w", l.ID, err)
	}
	if out != nil {
		out.Letters = append(out.Letters, l.ID)
	}
	return nil
}

// moveLetters tells the people concerned what a move means for them.
func (s *Store) moveLetters(ctx context.Context, tx pgx.Tx, c *change, closed []closedAsk) error {
	a := c.sit.Article
	write := func(kind newsroom.LetterKind, askID string, people ...string) error {
		for _, person := range unique(people) {
			if err := s.writeLetter(ctx, tx, letter{
				ID: fmt.Sprintf("%s/%s/%d/%s", kind, a.ID, c.n, person), Kind: kind, UserID: person, ArticleID: a.ID, AskID: askID, N: c.n,
			}, c.out); err != nil {
				return err
			}
		}
		return nil
	}
	switch c.req.Move {
	case newsroom.MoveSubmit:
		reviewers, err := s.reviewers(ctx, tx, a.Section)
		if err != nil {
			return err
		}
		return write(newsroom.LetterSubmitted, "", reviewers...)
	case newsroom.MoveReturn:
		return write(newsroom.LetterChanges, "", a.AuthorID)
	case newsroom.MoveRequestChanges:
		if err := write(newsroom.LetterChanges, "", a.AuthorID, a.ForwardedBy); err != nil {
			return err
		}
	case newsroom.MoveReject:
		if err := write(newsroom.LetterRejected, "", a.AuthorID, c.otherForwarder()); err != nil {
			return err
		}
	case newsroom.MoveHandOver:
		return nil
	case newsroom.MoveNotMe:
		alarmed, err := s.alarmed(ctx, tx)
		if err != nil {
			return err
		}
		return write(newsroom.LetterNotMe, "", alarmed...)
	}
	if c.ruling.Verdict {
		if err := s.receiptLetter(ctx, tx, c); err != nil {
			return err
		}
	}
	if c.ruling.CloseAsks == "settled" && c.ruling.OpenStep < 0 {
		var others []string
		for _, k := range closed {
			if k.UserID != c.req.ActorID {
				others = append(others, k.UserID)
			}
		}
		if err := write(newsroom.LetterSettled, "", others...); err != nil {
			return err
		}
	}
	if c.ruling.Release && c.text.Change != newsroom.ChangeMinor {
		authors := []string{a.AuthorID}
		for _, author := range c.text.Authors {
			authors = append(authors, author.UserID)
		}
		return write(newsroom.LetterPublished, "", authors...)
	}
	return nil
}

// notMeLife is how long a decision can be disowned by its receipt's link.
const notMeLife = 30 * 24 * time.Hour

const sqlNotMeLink = `
	INSERT INTO account_links (id, kind, user_id, request_id, key_version, hash, created_at, expires_at)
	VALUES (@id, 'not_me', @user, @request, @version, @hash, @at, @expires)`

// receiptLetter confirms a decision to whoever is on record for it, with a link that says "this was not me".
func (s *Store) receiptLetter(ctx context.Context, tx pgx.Tx, c *change) error {
	link, version := newsroom.NewID(), s.keys.Version()
	if _, err := tx.Exec(ctx, sqlNotMeLink, args{
		"id": link, "user": c.req.ActorID, "request": c.req.ID, "version": version, "hash": s.tokenHash(PurposeNotMe, link, version),
		"at": c.now, "expires": c.now.Add(notMeLife),
	}); err != nil {
		return fmt.Errorf("write not-me link: %w", err)
	}
	return s.writeLetter(ctx, tx, letter{
		ID: fmt.Sprintf("%s/%s/%d", newsroom.LetterReceipt, c.sit.Article.ID, c.n), Kind: newsroom.LetterReceipt, UserID: c.req.ActorID,
		ArticleID: c.sit.Article.ID, AskID: c.req.AskID, N: c.n, Data: map[string]any{"link_id": link, "key_version": version, "until": c.ruling.UndoUntil},
	}, c.out)
}

// otherForwarder is the reviewer to tell about a leader's rejection.
func (c *change) otherForwarder() string {
	if c.sit.Article.Stage == newsroom.StageAwaitingApproval {
		return c.sit.Article.ForwardedBy
	}
	return ""
}

func unique(people []string) []string {
	var list []string
	seen := map[string]bool{"": true}
	for _, p := range people {
		if !seen[p] {
			seen[p] = true
			list = append(list, p)
		}
	}
	return list
}

const sqlReviewers = `
	SELECT id FROM users WHERE active AND 'reviewer' = ANY (roles) AND (sections = '{}' OR @section = ANY (sections)) ORDER BY id`

func (s *Store) reviewers(ctx context.Context, q querier, section string) ([]string, error) {
	rows, _ := q.Query(ctx, sqlReviewers, args{"section": section})
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

const sqlOthers = `SELECT id FROM users WHERE active AND @role = ANY (roles) AND id <> @but ORDER BY id`

// others lists the active people with role, without one of them.
func (s *Store) others(ctx context.Context, q querier, role newsroom.Role, but string) ([]string, error) {
	rows, _ := q.Query(ctx, sqlOthers, args{"role": role, "but": but})
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

const sqlAlarmed = `
	SELECT id FROM users WHERE active AND ('admin' = ANY (roles) OR id IN (
	  SELECT h.user_id FROM office_holders h JOIN offices o ON o.id = h.office_id AND o.chief
	  WHERE NOT h.deputy AND h.from_at <= @at AND (h.to_at IS NULL OR h.to_at > @at))) ORDER BY id`

// alarmed lists who hears of trouble: the chief and the admins.
func (s *Store) alarmed(ctx context.Context, q querier) ([]string, error) {
	rows, _ := q.Query(ctx, sqlAlarmed, args{"at": s.now().UTC()})
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// The newsroom's own first: letters to readers and their friends, put off by servers, may be many, and anybody's form makes them.
const sqlUnsentLetters = `
	SELECT id FROM letters WHERE done_at IS NULL AND created_at < @before
	ORDER BY user_id IS NULL AND kind <> 'audit_root', created_at LIMIT @limit`

// UnsentLetters lists letters that were written before a moment and have reached no final state: their workflow may be lost. Those to
// the newsroom's people come first.
func (s *Store) UnsentLetters(ctx context.Context, before time.Time, limit int) ([]string, error) {
	rows, _ := s.db.Query(ctx, sqlUnsentLetters, args{"before": before, "limit": limit})
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("list unsent letters: %w", err)
	}
	return list, nil
}
