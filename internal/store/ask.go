package store

import (
	"context"
	"crypto/subtle"
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
	SELECT k.id, k.article_id, k.round, k.step, k.revision, k.hash, k.office_id, k.user_id, k.on_behalf_of, k.escalation, k.created_at, k.kind, k.closed_at,
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
		&v.Ask.Seat.OnBehalfOf, &v.Ask.Escalation, &v.CreatedAt, &v.Kind, &v.ClosedAt, &v.Due, &v.Over, &v.Office, &v.Behalf, &content, &v.HasPIN,
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
	if v.Over == "" && !v.Ask.AnsweredBy(v.Person) {
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
	if v.Kind == "second" {
		return v, errors.Join(s.askSigned(ctx, &v), s.askPublic(ctx, &v))
	}
	return v, errors.Join(s.askBefore(ctx, &v), s.askNote(ctx, &v), s.askDecisions(ctx, &v), s.askPublic(ctx, &v))
}

const sqlAskBefore = `
	SELECT content, n = @live FROM revisions WHERE article_id = @id AND n = coalesce(
	  (SELECT max(revision) FROM asks WHERE article_id = @id AND user_id = @user AND kind = 'approval' AND revision < @revision), nullif(@live, 0))`

// askBefore loads what this person was asked about before, else what readers see now.
func (s *Store) askBefore(ctx context.Context, v *newsroom.AskView) error {
	live := v.Article.Live
	if live >= v.Ask.Revision {
		live = 0
	}
	var content []byte
	err := notFound(s.db.QueryRow(ctx, sqlAskBefore, args{
		"id": v.Article.ID, "user": v.Person.ID, "revision": v.Ask.Revision, "live": live,
	}).Scan(&content, &v.BeforeLive))
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
	SELECT d.request_id, u.name, d.user_id, u.title, d.capacity, coalesce(b.name, ''), d.move, d.reason_code, d.reason, d.at, d.step,
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
		if d.ByID == v.Person.ID && d.Step == v.Ask.Step {
			v.Own = &list[i]
		}
		v.Decision = &list[i]
		if d.Move == newsroom.MoveApprove {
			v.Given = append(v.Given, d)
		}
	}
	return nil
}

const sqlSigned = `
	SELECT u.request_id, u.actor_name, u.actor_id, coalesce(p.title, ''), u.capacity, '', u.action, u.reason_code, u.reason, u.at, -1, NULL::timestamptz
	FROM audit u LEFT JOIN users p ON p.id = u.actor_id WHERE u.article_id = @id`

const (
	sqlSignedFirst = sqlSigned + ` AND u.action IN ('emergency_release', 'withdraw', 'take_down')
	  AND u.at <= least(@at::timestamptz, (SELECT second_start FROM articles WHERE id = @id)) ORDER BY u.n DESC LIMIT 1`
	sqlSignedAfter = sqlSigned + ` AND u.action IN ('second_sign', 'restore') AND u.at >= @at ORDER BY u.n LIMIT 1`
)

// askSigned loads the act that waits for a second signature, and who signed: the move that closed the question, since not every
// restoring is a signature.
func (s *Store) askSigned(ctx context.Context, v *newsroom.AskView) error {
	for _, one := range []struct {
		sql  string
		at   *time.Time
		into **newsroom.Decided
	}{{sqlSignedFirst, &v.CreatedAt, &v.First}, {sqlSignedAfter, v.ClosedAt, &v.Decision}} {
		if one.at == nil {
			continue
		}
		rows, _ := s.db.Query(ctx, one.sql, args{"id": v.Article.ID, "at": *one.at})
		d, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[newsroom.Decided])
		if errors.Is(err, pgx.ErrNoRows) {
			continue
		}
		if err != nil {
			return fmt.Errorf("signatures of ask %s: %w", v.Ask.ID, err)
		}
		*one.into = &d
	}
	if v.Decision != nil && v.Decision.ByID == v.Person.ID {
		v.Own = v.Decision
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

// linkTries is how many wrong PINs one link takes from all browsers together: each new browser would have five of its own, and a
// six-digit PIN must not be worth guessing.
const linkTries = 20

const sqlLinkTry = `
	INSERT INTO pin_failures AS f (ask_id, browser, failed, at) VALUES (@ask, '', 1, @at)
	ON CONFLICT (ask_id, browser) DO UPDATE SET failed = f.failed + 1, at = @at RETURNING failed`

// TryAskPIN checks the leader's PIN on one mailed link from one browser. newsroom.ErrForbidden when it is wrong, with the tries
// that are left; *newsroom.LockedError after five wrong ones: that link on that browser stays shut while the link lives, and
// the leader and the admins are told by the letters whose ids come back. The account and other links are not concerned: a
// forwarded mail must not be a way to lock a leader out. Somebody who goes on guessing from other browsers kills the link after
// linkTries; the leader gets a new one by mail.
func (s *Store) TryAskPIN(ctx context.Context, ask newsroom.AskView, browser, pin string) (left int, letters []string, err error) {
	left, err = s.tryPIN(ctx, ask.Ask.ID, ask.Person.ID, browser, pin, linkLife)
	if !errors.Is(err, newsroom.ErrForbidden) {
		return left, nil, err
	}
	var wrong int
	if err := s.db.QueryRow(ctx, sqlLinkTry, args{"ask": ask.Ask.ID, "at": s.now().UTC()}).Scan(&wrong); err != nil {
		return left, nil, fmt.Errorf("count wrong PINs of link: %w", err)
	}
	var out Settled
	if left == 0 {
		if told := s.tellLocked(ctx, ask, &out); told != nil {
			return 0, nil, errors.Join(err, told)
		}
	}
	if wrong >= linkTries {
		if told := s.replaceLink(ctx, ask, &out); told != nil {
			return left, nil, errors.Join(err, told)
		}
	}
	return left, out.Letters, err
}

// tellLocked tells the leader and the admins of five wrong PINs on a link, once.
func (s *Store) tellLocked(ctx context.Context, ask newsroom.AskView, out *Settled) error {
	return s.tx(ctx, func(tx pgx.Tx) error {
		out.Letters = nil
		people, err := s.alarmed(ctx, tx)
		if err != nil {
			return err
		}
		for _, person := range unique(append([]string{ask.Person.ID}, people...)) {
			id := ask.Ask.ID
			if person != ask.Person.ID {
				id = "" // the link is the leader's alone
			}
			if err := s.writeLetter(ctx, tx, letter{
				ID: fmt.Sprintf("%s/%s/%s", newsroom.LetterPINLocked, ask.Ask.ID, person), Kind: newsroom.LetterPINLocked, UserID: person,
				ArticleID: ask.Article.ID, AskID: id,
			}, out); err != nil {
				return err
			}
		}
		return s.alert(ctx, tx, "pin_locked/"+ask.Ask.ID, "pin_locked", map[string]any{"ask_id": ask.Ask.ID, "user_id": ask.Person.ID})
	})
}

// replaceLink kills a link that somebody guesses at and mails the leader another; once per link.
func (s *Store) replaceLink(ctx context.Context, ask newsroom.AskView, out *Settled) error {
	return s.tx(ctx, func(tx pgx.Tx) error {
		now := s.now().UTC()
		sit, err := s.situation(ctx, tx, newsroom.Request{ArticleID: ask.Article.ID, Door: newsroom.DoorClock}, now)
		if err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, sqlCloseAsk, args{"id": ask.Ask.ID, "at": now, "why": "guarded"})
		if err != nil || tag.RowsAffected() == 0 {
			return err
		}
		a := sit.Article
		c := change{
			sit: sit, now: now, stage: a.Stage, public: a.Public, revision: ask.Ask.Revision, hash: ask.Ask.Hash, round: ask.Ask.Round, step: ask.Ask.Step,
		}
		if c.n, err = s.appendAudit(ctx, tx, auditRow{
			ArticleID: a.ID, At: now, Capacity: newsroom.AsWorkflow, Door: newsroom.DoorClock, Action: "link_replaced", From: a.Stage, To: a.Stage,
			Public: a.Public, Revision: ask.Ask.Revision, Hash: ask.Ask.Hash, Detail: map[string]any{"user_id": ask.Person.ID},
		}); err != nil {
			return err
		}
		if ask.Kind == "approval" && a.Clock.ID > 0 {
			c.n = a.Clock.ID
		}
		id, err := s.openAsk(ctx, tx, &c, ask.Ask.Seat, ask.Kind, ask.Ask.Escalation, ask.Due)
		if err != nil {
			return err
		}
		kind := newsroom.LetterApproval
		if ask.Kind == "second" {
			kind = newsroom.LetterSecondSign
		}
		return s.writeLetter(ctx, tx, letter{
			ID: fmt.Sprintf("%s/%s", kind, id), Kind: kind, UserID: ask.Person.ID, ArticleID: a.ID, AskID: id, N: c.n,
		}, out)
	})
}

// TryAskTOTP checks a one-time code behind a PIN that was right. Wrong ones count against the link as wrong PINs do, so that six
// digits cannot be guessed by whoever knows the PIN.
func (s *Store) TryAskTOTP(ctx context.Context, ask newsroom.AskView, code string) (ok bool, letters []string, err error) {
	if ok, err = s.CheckTOTP(ctx, ask.Person.ID, code); err != nil || ok {
		return ok, nil, err
	}
	var wrong int
	if err := s.db.QueryRow(ctx, sqlLinkTry, args{"ask": ask.Ask.ID, "at": s.now().UTC()}).Scan(&wrong); err != nil {
		return false, nil, fmt.Errorf("count wrong codes of link: %w", err)
	}
	if wrong < linkTries {
		return false, nil, nil
	}
	var out Settled
	err = s.replaceLink(ctx, ask, &out)
	return false, out.Letters, err
}

const sqlIsTrusted = `SELECT EXISTS (SELECT FROM devices WHERE hash = @hash AND user_id = @user AND revoked_at IS NULL AND expires_at > @now)`

// IsTrusted reports whether value is the cookie of a phone that this very leader trusts, writing nothing.
func (s *Store) IsTrusted(ctx context.Context, userID, value string) (trusted bool, err error) {
	if value == "" {
		return false, nil
	}
	err = s.db.QueryRow(ctx, sqlIsTrusted, args{"hash": hashToken(value), "user": userID, "now": s.now().UTC()}).Scan(&trusted)
	if err != nil {
		return false, fmt.Errorf("look for trusted device of user %s: %w", userID, err)
	}
	return trusted, nil
}

// nonceLife is how long a shown page may be sent: longer, and it is shown again with everything kept (mail.md (c)).
const nonceLife = 15 * time.Minute

// Nonce ties a shown page to the browser it was shown in, for nonceLife. askID may carry a suffix that says what else it proves.
func (s *Store) Nonce(askID, browser string) string {
	at := strconv.FormatInt(s.now().Unix(), 36)
	return at + "." + s.nonceMAC(askID, browser, at)
}

// FreshNonce reports whether nonce was made for this link and browser, not too long ago.
func (s *Store) FreshNonce(nonce, askID, browser string) bool {
	at, mac, _ := strings.Cut(nonce, ".")
	seconds, err := strconv.ParseInt(at, 36, 64)
	if err != nil || browser == "" || subtle.ConstantTimeCompare([]byte(mac), []byte(s.nonceMAC(askID, browser, at))) != 1 {
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
