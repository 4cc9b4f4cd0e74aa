package store

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"toasoan/newsroom"
)

const sqlAskByToken = `
	SELECT k.id, k.article_id, k.round, k.step, k.revision, k.hash, k.office_id, k.user_id, k.on_behalf_of, k.escalation, k.created_at,
	  coalesce(k.due_at, k.created_at), CASE WHEN k.closed_at IS NOT NULL THEN k.closed_why WHEN k.expires_at <= @now THEN 'expired' ELSE '' END,
	  coalesce(o.name, ''), coalesce(b.name, ''), r.content, u.pin_hash <> '', coalesce(f.name, ''), coalesce(w.name, ''),
	  coalesce(s.name_vi, ''), coalesce(s.name_en, ''), a.policy
	FROM asks k
	JOIN articles a ON a.id = k.article_id
	JOIN users u ON u.id = k.user_id
	JOIN users w ON w.id = a.author_id
	JOIN revisions r ON r.article_id = k.article_id AND r.n = k.revision
	LEFT JOIN offices o ON o.id = k.office_id
	LEFT JOIN users b ON b.id = k.on_behalf_of
	LEFT JOIN users f ON f.id = a.forwarded_by
	LEFT JOIN sections s ON s.id = r.content->>'section'
	WHERE k.token_hash = @token`

// AskByToken returns what a mailed approval link shows, writing nothing. The token's hash is what is looked up, so that no
// comparison tells anything by its time. newsroom.ErrNotFound for a token that nobody was given.
func (s *Store) AskByToken(ctx context.Context, token string) (newsroom.AskView, error) {
	var v newsroom.AskView
	var articleID string
	var content, policy []byte
	now := s.now().UTC()
	err := s.db.QueryRow(ctx, sqlAskByToken, args{"token": hashToken(token), "now": now}).Scan(
		&v.Ask.ID, &articleID, &v.Ask.Round, &v.Ask.Step, &v.Ask.Revision, &v.Ask.Hash, &v.Ask.Seat.Office, &v.Ask.Seat.Person,
		&v.Ask.Seat.OnBehalfOf, &v.Ask.Escalation, &v.CreatedAt, &v.Due, &v.Over, &v.Office, &v.Behalf, &content, &v.HasPIN,
		&v.Reviewer, &v.Author, &v.Section, &v.SectionEN, &policy)
	if err != nil {
		return v, fmt.Errorf("ask by token: %w", notFound(err))
	}
	if err := json.Unmarshal(content, &v.Content); err != nil {
		return v, fmt.Errorf("decode revision of ask %s: %w", v.Ask.ID, err)
	}
	if policy != nil {
		if err := json.Unmarshal(policy, &v.Policy); err != nil {
			return v, fmt.Errorf("decode policy of ask %s: %w", v.Ask.ID, err)
		}
	}
	if v.Article, err = s.Article(ctx, articleID); err != nil {
		return v, err
	}
	if v.Person, err = s.person(ctx, s.db, v.Ask.Seat.Person); err != nil {
		return v, err
	}
	if v.Over == "" && !v.Person.Is(newsroom.RoleLeader) {
		v.Over = "expired"
	}
	calendar, err := s.calendar(ctx, s.db)
	if err != nil {
		return v, err
	}
	if v.Left = calendar.Between(now, v.Due); v.Left == 0 {
		v.Left = -calendar.Between(v.Due, now)
	}
	if v.Images, err = s.images(ctx, imagesOf(v.Content)); err != nil {
		return v, err
	}
	return v, errors.Join(s.askBefore(ctx, &v), s.askNote(ctx, &v), s.askDecisions(ctx, &v), s.askPublic(ctx, &v))
}

const sqlAskBefore = `
	SELECT content FROM revisions WHERE article_id = @id AND n = coalesce(
	  (SELECT max(revision) FROM asks WHERE article_id = @id AND user_id = @user AND revision < @revision), nullif(@live, 0))`

// askBefore loads what this person was asked about before, else what readers see now.
func (s *Store) askBefore(ctx context.Context, v *newsroom.AskView) error {
	live := v.Article.Live
	if live >= v.Ask.Revision {
		live = 0
	}
	var content []byte
	err := notFound(s.db.QueryRow(ctx, sqlAskBefore, args{
		"id": v.Article.ID, "user": v.Person.ID, "revision": v.Ask.Revision, "live": live,
	}).Scan(&content))
	if errors.Is(err, newsroom.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("revision before ask %s: %w", v.Ask.ID, err)
	}
	return json.Unmarshal(content, &v.Before)
}

const sqlAskNote = `
	SELECT coalesce((SELECT text FROM comments WHERE article_id = @id AND revision = @revision AND kind = 'note' ORDER BY at DESC LIMIT 1), '')`

func (s *Store) askNote(ctx context.Context, v *newsroom.AskView) error {
	if err := s.db.QueryRow(ctx, sqlAskNote, args{"id": v.Article.ID, "revision": v.Ask.Revision}).Scan(&v.Note); err != nil {
		return fmt.Errorf("note of ask %s: %w", v.Ask.ID, err)
	}
	return nil
}

const sqlDecided = `
	SELECT d.request_id, u.name, d.user_id, u.title, d.capacity, coalesce(b.name, ''), d.move, d.reason_code, d.reason, d.at,
	  (SELECT min(p.at) FROM publications p WHERE p.article_id = d.article_id AND p.revision = d.revision AND p.event IN ('published', 'corrected'))
	FROM decisions d JOIN users u ON u.id = d.user_id LEFT JOIN users b ON b.id = d.on_behalf_of`

const (
	sqlAskDecisions    = sqlDecided + ` WHERE d.article_id = @id AND d.round = @round ORDER BY d.at`
	sqlDecisionRequest = sqlDecided + ` WHERE d.request_id = @request`
)

// askDecisions finds how the round ended and what this person had decided in it.
func (s *Store) askDecisions(ctx context.Context, v *newsroom.AskView) error {
	rows, _ := s.db.Query(ctx, sqlAskDecisions, args{"id": v.Article.ID, "round": v.Ask.Round})
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[newsroom.Decided])
	if err != nil {
		return fmt.Errorf("decisions of ask %s: %w", v.Ask.ID, err)
	}
	for i, d := range list {
		if d.ByID == v.Person.ID {
			v.Own = &list[i]
		}
		v.Decision = &list[i]
	}
	return nil
}

const sqlAskPublic = `SELECT slug, public = 'live' FROM live_articles WHERE article_id = @id`

func (s *Store) askPublic(ctx context.Context, v *newsroom.AskView) error {
	var slug string
	err := notFound(s.db.QueryRow(ctx, sqlAskPublic, args{"id": v.Article.ID}).Scan(&slug, &v.Live))
	if errors.Is(err, newsroom.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("public page of ask %s: %w", v.Ask.ID, err)
	}
	v.Path = newsroom.ArticlePath(slug, v.Article.ID)
	return nil
}

// TryAskPIN checks the leader's PIN on one mailed link from one browser. newsroom.ErrForbidden when it is wrong, with the tries
// that are left; *newsroom.LockedError after five wrong ones: that link on that browser stays shut while the link lives, and
// the leader and the admins are told by the letters whose ids come back. The account and other links are not concerned: a
// forwarded mail must not be a way to lock a leader out.
func (s *Store) TryAskPIN(ctx context.Context, ask newsroom.AskView, browser, pin string) (left int, letters []string, err error) {
	left, err = s.tryPIN(ctx, ask.Ask.ID, ask.Person.ID, browser, pin, linkLife)
	if !errors.Is(err, newsroom.ErrForbidden) || left > 0 {
		return left, nil, err
	}
	var out Settled
	told := s.tx(ctx, func(tx pgx.Tx) error {
		out = Settled{}
		people, err := s.alarmed(ctx, tx)
		if err != nil {
			return err
		}
		for _, person := range unique(append([]string{ask.Person.ID}, people...)) {
			if err := s.writeLetter(ctx, tx, letter{
				ID: fmt.Sprintf("%s/%s/%s", newsroom.LetterPINLocked, ask.Ask.ID, person), Kind: newsroom.LetterPINLocked, UserID: person,
				ArticleID: ask.Article.ID, AskID: ask.Ask.ID,
			}, &out); err != nil {
				return err
			}
		}
		return s.alert(ctx, tx, "pin_locked/"+ask.Ask.ID, "pin_locked", map[string]any{"ask_id": ask.Ask.ID, "user_id": ask.Person.ID})
	})
	return 0, out.Letters, errors.Join(err, told)
}

// nonceLife is how long a shown page may be sent: longer, and it is shown again with everything kept (mail.md (c)).
const nonceLife = 15 * time.Minute

// Nonce ties a shown page to the browser it was shown in, for nonceLife.
func (s *Store) Nonce(askID, browser string) string {
	at := strconv.FormatInt(s.now().Unix(), 36)
	return at + "." + s.nonceMAC(askID, browser, at)
}

// FreshNonce reports whether nonce was made for this link and browser, not too long ago.
func (s *Store) FreshNonce(nonce, askID, browser string) bool {
	at, mac, _ := strings.Cut(nonce, ".")
	seconds, err := strconv.ParseInt(at, 36, 64)
	if err != nil || browser == "" || mac != s.nonceMAC(askID, browser, at) {
		return false
	}
	age := s.now().Sub(time.Unix(seconds, 0))
	return age >= 0 && age <= nonceLife
}

func (s *Store) nonceMAC(askID, browser, at string) string {
	return base64.RawURLEncoding.EncodeToString(s.keys.MAC("nonce", askID+"/"+browser+"/"+at))
}

const sqlNotMe = `SELECT id, user_id, request_id, used_at IS NOT NULL FROM account_links WHERE hash = @hash AND kind = 'not_me' AND expires_at > @now`

// NotMe finds the decision that a receipt's "not me" link is about, writing nothing.
func (s *Store) NotMe(ctx context.Context, token string) (newsroom.Disowned, error) {
	var d newsroom.Disowned
	var userID, requestID string
	err := s.db.QueryRow(ctx, sqlNotMe, args{"hash": hashToken(token), "now": s.now().UTC()}).Scan(&d.LinkID, &userID, &requestID, &d.Used)
	if err != nil {
		return d, fmt.Errorf("not-me link: %w", notFound(err))
	}
	if d.Person, err = s.person(ctx, s.db, userID); err != nil {
		return d, err
	}
	rows, _ := s.db.Query(ctx, sqlDecisionRequest, args{"request": requestID})
	if d.Decision, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[newsroom.Decided]); err != nil {
		return d, fmt.Errorf("decision of not-me link: %w", notFound(err))
	}
	r, _, err := s.Request(ctx, requestID)
	if err != nil {
		return d, err
	}
	a, err := s.Article(ctx, r.ArticleID)
	d.ArticleID, d.Title, d.Stage, d.Public = a.ID, a.Title, a.Stage, a.Public
	return d, err
}

const sqlDisowned = `UPDATE account_links SET used_at = coalesce(used_at, @at) WHERE id = @id AND kind = 'not_me'`

// Disowned notes that a not-me link was used.
func (s *Store) Disowned(ctx context.Context, linkID string) error {
	if _, err := s.db.Exec(ctx, sqlDisowned, args{"id": linkID, "at": s.now().UTC()}); err != nil {
		return fmt.Errorf("note not-me: %w", err)
	}
	return nil
}
