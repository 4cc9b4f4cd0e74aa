package store

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"toasoan/newsroom"
)

// change is one allowed move on its way into the tables.
type change struct {
	sit      newsroom.Situation
	req      newsroom.Request
	ruling   newsroom.Ruling
	now      time.Time
	out      *Settled
	stage    newsroom.Stage
	public   newsroom.Public
	revision int
	hash     string           // of revision
	text     newsroom.Content // of revision: what was sent up, approved or is published, never what is being written beside it
	round    int
	step     int
	n        int64 // audit sequence of the move
	publish  int64 // audit sequence of the public change it settled; 0 none
}

// apply carries out a ruling. The order matters: what the audit rows name exists before them, and the chain's lock is taken
// last.
func (s *Store) apply(ctx context.Context, tx pgx.Tx, c *change) error {
	a, r := c.sit.Article, c.ruling
	c.stage, c.public, c.revision, c.hash, c.text, c.round, c.step = r.To, r.Then, a.Revision, c.sit.Frozen, c.sit.Sent, a.Round, a.Step
	if a.Revision == 0 { // nothing was sent up yet
		c.text = c.sit.Draft
	}
	if r.Text != nil {
		if err := s.putText(ctx, tx, c, *r.Text); err != nil {
			return err
		}
	}
	if r.Freeze {
		if err := s.freeze(ctx, tx, c); err != nil {
			return err
		}
	}
	if err := s.keepToApproved(ctx, tx, c); err != nil {
		return err
	}
	if r.Verdict {
		if err := s.decide(ctx, tx, c); err != nil {
			return err
		}
	}
	closed, err := s.closeAsks(ctx, tx, c)
	if err != nil {
		return err
	}
	if err := s.comment(ctx, tx, c); err != nil {
		return err
	}
	if c.req.Move == newsroom.MoveNotMe {
		if err := s.distrust(ctx, tx, c); err != nil {
			return err
		}
	}
	if c.n, err = s.appendAudit(ctx, tx, auditRow{
		ArticleID: a.ID, At: c.now, ActorID: c.req.ActorID, ActorName: c.sit.Actor.Name, Capacity: r.Capacity, OnBehalfOf: r.OnBehalfOf,
		Door: c.req.Door, Action: string(c.req.Move), From: a.Stage, To: c.stage, Public: c.public, Revision: c.revision, Hash: c.hash,
		Code: c.req.Code, Reason: c.req.Reason, RequestID: c.req.ID, Detail: c.detail(),
	}); err != nil {
		return err
	}
	if r.Event != "" {
		c.announce(r.Event, c.n)
	}
	if c.stage == newsroom.StageScheduled && a.Stage != newsroom.StageScheduled {
		c.announce("scheduled", c.n) // an approval that waits for its time is both
	}
	if err := s.updateArticle(ctx, tx, c); err != nil {
		return err
	}
	if r.OpenStep >= 0 {
		if c.req.Move == newsroom.MoveAdoptPolicy {
			c.sit.Policy = *c.sit.Newest
		}
		if r.NewRound {
			c.round++
		}
		c.step = r.OpenStep
		if err := s.openStep(ctx, tx, c); err != nil {
			return err
		}
	}
	if err := s.goPublic(ctx, tx, c); err != nil {
		return err
	}
	if c.req.Move == newsroom.MoveNotMe {
		if err := s.alert(ctx, tx, fmt.Sprintf("not_me/%s/%d", a.ID, c.n), "not_me", map[string]any{
			"article_id": a.ID, "user_id": c.req.ActorID,
		}); err != nil {
			return err
		}
	}
	if err := s.second(ctx, tx, c); err != nil {
		return err
	}
	return s.moveLetters(ctx, tx, c, closed)
}

// detail is what the audit row keeps beyond its columns.
func (c *change) detail() map[string]any {
	d := map[string]any{}
	if c.req.ReleaseAt != nil {
		d["release_at"] = c.req.ReleaseAt.UTC()
	}
	if c.req.Target != "" {
		d["target"] = c.req.Target
	}
	if c.req.Kind != "" {
		d["kind"] = c.req.Kind
	}
	if len(c.ruling.AlsoFor) > 0 {
		d["also_for"] = c.ruling.AlsoFor
	}
	return d
}

func (c *change) announce(verb string, n int64) {
	c.out.Announce = append(c.out.Announce, newsroom.Announcement{
		Verb: verb, N: n, Revision: c.revision, Stage: c.stage, Public: c.public, Section: c.text.Section,
		ActorID: c.req.ActorID, Capacity: c.ruling.Capacity, Code: c.req.Code, Kind: c.text.Change, At: c.now,
	})
}

const sqlPutText = `
	UPDATE articles SET draft = @draft, draft_hash = @hash, draft_version = draft_version + 1, title = @title, slug = @slug, section_id = @section
	WHERE id = @id`

// putText makes text the working text. What was being written and is in no revision is put aside: nothing a person wrote is lost.
func (s *Store) putText(ctx context.Context, tx pgx.Tx, c *change, text newsroom.Content) error {
	a := &c.sit.Article
	if err := s.putAside(ctx, tx, a.ID, c.now); err != nil {
		return err
	}
	c.sit.Draft, a.DraftHash, a.Title, a.Slug, a.Section = text, text.Hash(), text.Title, text.Slug, text.Section
	_, err := tx.Exec(ctx, sqlPutText, args{
		"id": a.ID, "draft": toJSON(text), "hash": a.DraftHash, "title": text.Title, "slug": text.Slug, "section": text.Section,
	})
	return err
}

// keepToApproved makes what was approved the working text as well: nobody edits from here on, and what was saved beside it without being
// sent up must not be taken for it.
func (s *Store) keepToApproved(ctx context.Context, tx pgx.Tx, c *change) error {
	if c.ruling.To == c.sit.Article.Stage || c.sit.Article.DraftHash == c.hash {
		return nil
	}
	switch c.ruling.To {
	case newsroom.StageApproved, newsroom.StageScheduled, newsroom.StageReleased:
		return s.putText(ctx, tx, c, c.text)
	default:
		return nil
	}
}

const sqlFreeze = `
	INSERT INTO revisions (article_id, n, content, hash, created_by, created_at) VALUES (@id, @n, @content, @hash, @by, @at)`

// freeze makes the working text the next revision, unless it equals the newest one.
func (s *Store) freeze(ctx context.Context, tx pgx.Tx, c *change) error {
	if c.sit.Article.DraftHash == c.sit.Frozen {
		return nil
	}
	c.revision, c.hash, c.text = c.revision+1, c.sit.Article.DraftHash, c.sit.Draft
	_, err := tx.Exec(ctx, sqlFreeze, args{
		"id": c.sit.Article.ID, "n": c.revision, "content": toJSON(c.sit.Draft), "hash": c.hash, "by": c.req.ActorID, "at": c.now,
	})
	return err
}

const sqlDecide = `
	INSERT INTO decisions (request_id, article_id, revision, round, step, user_id, capacity, on_behalf_of, move, hash,
	  reason_code, reason, door, at)
	VALUES (@request, @id, @revision, @round, @step, @user, @capacity, @behalf, @move, @hash, @code, @reason, @door, @at)`

// besideSteps is the step of a decision that answers no question of the policy's steps.
const besideSteps = -1

// decisionStep is the step that a decision belongs to.
func (c *change) decisionStep() int {
	switch c.req.Move {
	case newsroom.MoveEmergencyRelease, newsroom.MoveReschedule:
		return besideSteps
	default:
		return c.step
	}
}

func (s *Store) decide(ctx context.Context, tx pgx.Tx, c *change) error {
	_, err := tx.Exec(ctx, sqlDecide, args{
		"request": c.req.ID, "id": c.sit.Article.ID, "revision": c.revision, "round": c.round, "step": c.decisionStep(), "user": c.req.ActorID,
		"capacity": c.ruling.Capacity, "behalf": c.ruling.OnBehalfOf, "move": c.req.Move, "hash": c.hash,
		"code": c.req.Code, "reason": c.req.Reason, "door": c.req.Door, "at": c.now,
	})
	return err
}

const (
	sqlCloseAsks = `UPDATE asks SET closed_at = @at, closed_why = @why
	WHERE article_id = @id AND kind = 'approval' AND closed_at IS NULL RETURNING id, user_id`
	sqlCloseOwnAsks = `UPDATE asks SET closed_at = @at, closed_why = 'decided' WHERE id = ANY (@ids) AND closed_at IS NULL`
)

// closedAsk is a link that died with a move.
type closedAsk struct{ ID, UserID string }

// closeAsks kills the open links: all of them where the round is over, the actor's own after a decision that leaves it open.
func (s *Store) closeAsks(ctx context.Context, tx pgx.Tx, c *change) ([]closedAsk, error) {
	id := c.sit.Article.ID
	if c.ruling.Verdict {
		var answered []string
		for _, ask := range c.sit.Answers(c.req.ActorID) {
			answered = append(answered, ask.ID)
		}
		if _, err := tx.Exec(ctx, sqlCloseOwnAsks, args{"ids": orEmpty(answered), "at": c.now}); err != nil {
			return nil, err
		}
	}
	if c.ruling.CloseAsks == "" {
		return nil, nil
	}
	rows, _ := tx.Query(ctx, sqlCloseAsks, args{"id": id, "why": c.ruling.CloseAsks, "at": c.now})
	return pgx.CollectRows(rows, pgx.RowToStructByPos[closedAsk])
}

const sqlInsertComment = `
	INSERT INTO comments (id, article_id, revision, user_id, text, kind, at) VALUES (@id, @article, @revision, @user, @text, @kind, @at)`

// comment keeps a comment, or the reviewer's note to the leader.
func (s *Store) comment(ctx context.Context, tx pgx.Tx, c *change) error {
	if c.req.Comment == "" {
		return nil
	}
	kind := "comment"
	if c.req.Move != newsroom.MoveComment {
		kind = "note"
	}
	_, err := tx.Exec(ctx, sqlInsertComment, args{
		"id": newsroom.NewID(), "article": c.sit.Article.ID, "revision": c.revision, "user": c.req.ActorID,
		"text": c.req.Comment, "kind": kind, "at": c.now,
	})
	return err
}

const sqlUpdateArticle = `
	UPDATE articles SET stage = @stage, public = @public, revision = @revision, holder_id = @holder, forwarded_by = @forwarder,
	  clock_kind = @clock, clock_id = @clock_id, clock_start = @clock_start, clock_minutes = @clock_minutes, due_at = @due,
	  release_due = @release_due, undo_until = @undo, frozen = @frozen, frozen_why = @why,
	  expire_at = CASE WHEN @endless THEN NULL ELSE expire_at END, second_by = @second_by, first_signer = @first_signer,
	  second_late = @second_late, updated_at = @at,
	  second_start = CASE WHEN @keep_second THEN second_start ELSE @second_start::timestamptz END,
	  second_minutes = CASE WHEN @keep_second THEN second_minutes ELSE @second_minutes::int END
	WHERE id = @id`

// secondSign is where the second of two signatures stands.
type secondSign struct {
	by, start *time.Time
	minutes   int // of working time
	signer    string
	late      bool
}

func (s *Store) updateArticle(ctx context.Context, tx pgx.Tx, c *change) error {
	a, r := c.sit.Article, c.ruling
	holder, forwarder := a.HolderID, a.ForwardedBy
	if r.Holder != nil {
		holder = *r.Holder
	}
	if c.req.Move == newsroom.MoveForward || c.req.Move == newsroom.MoveResubmit {
		forwarder = c.req.ActorID
	}
	calendar, err := s.calendar(ctx, tx)
	if err != nil {
		return err
	}
	clock := c.clock()
	var start, due *time.Time
	if clock.Runs() {
		start, due = &clock.Start, new(clock.Due(calendar, 100))
	}
	second := secondSign{by: a.SecondBy, signer: a.FirstSigner, late: a.SecondLate}
	switch {
	case r.SecondDue > 0:
		second = secondSign{by: new(calendar.Add(c.now, r.SecondDue)), signer: c.req.ActorID, start: &c.now, minutes: r.SecondDue}
	case r.SecondDone:
		second = secondSign{}
	}
	releaseDue, undo := a.ReleaseDue, a.UndoUntil
	switch {
	case r.ReleaseDue != nil:
		releaseDue = r.ReleaseDue
		if r.UndoUntil != nil {
			undo = r.UndoUntil
		}
	case c.stage != newsroom.StageApproved && c.stage != newsroom.StageScheduled:
		releaseDue, undo = nil, nil
	}
	frozen := (a.Frozen || r.Freezing) && !r.Release && !r.NewRound
	_, err = tx.Exec(ctx, sqlUpdateArticle, args{
		"id": a.ID, "stage": c.stage, "public": c.public, "revision": c.revision, "holder": holder, "forwarder": forwarder,
		"clock": clock.Kind, "clock_id": clock.ID, "clock_start": start, "clock_minutes": clock.Minutes, "due": due,
		"release_due": releaseDue, "undo": undo, "frozen": frozen, "why": c.hold(frozen), "endless": r.Endless,
		"second_by": second.by, "first_signer": second.signer, "second_late": second.late, "second_start": second.start,
		"second_minutes": second.minutes, "keep_second": r.SecondDue == 0 && !r.SecondDone, "at": c.now,
	})
	if err == nil && a.SecondLate && !second.late {
		_, err = tx.Exec(ctx, sqlBumpPortal) // the page's notice goes
	}
	c.sit.Article.HolderID, c.sit.Article.ForwardedBy, c.sit.Article.Clock = holder, forwarder, clock
	return err
}

// hold is why the release is held after the move. That an approval was disowned, or its bytes were refused, outlasts whatever comes after.
func (c *change) hold(frozen bool) newsroom.Hold {
	was := c.sit.Article.FrozenWhy
	switch {
	case !frozen:
		return newsroom.HoldNone
	case !c.ruling.Freezing:
		return was
	case c.req.Move == newsroom.MoveNotMe:
		return newsroom.HoldNotMe
	case was == newsroom.HoldNotMe || was == newsroom.HoldRefused:
		return was
	case c.public == newsroom.PublicWithdrawn:
		return newsroom.HoldWithdrawn
	case c.public == newsroom.PublicTakenDown:
		return newsroom.HoldTakenDown
	case c.public == newsroom.PublicExpired:
		return newsroom.HoldExpired
	default:
		return was
	}
}

// clock is the working-time clock after the move; a new one is named by the move's audit sequence.
func (c *change) clock() newsroom.Clock {
	switch c.ruling.Clock {
	case newsroom.ClockStop:
		return newsroom.Clock{}
	case newsroom.ClockForBureau:
		return newsroom.Clock{Kind: newsroom.ClockReview, ID: c.n, Start: c.now, Minutes: c.sit.Policy.EditMinutes}
	case newsroom.ClockForOffices:
		minutes := c.sit.Policy.ApproveMinutes
		if c.req.Move == newsroom.MoveAdoptPolicy {
			minutes = c.sit.Newest.ApproveMinutes
		}
		return newsroom.Clock{Kind: newsroom.ClockApproval, ID: c.n, Start: c.now, Minutes: minutes}
	default:
		return c.sit.Article.Clock
	}
}

const (
	sqlOpenStep = `UPDATE articles SET round = @round, step = @step, policy = @policy WHERE id = @id`
	sqlOpenAsk  = `
	INSERT INTO asks (id, article_id, round, step, revision, hash, office_id, user_id, on_behalf_of, escalation, key_version,
	  token_hash, created_at, due_at, expires_at, kind)
	VALUES (@id, @article, @round, @step, @revision, @hash, @office, @user, @behalf, @escalation, @version, @token, @at, @due, @expires, @kind)`
)

const sqlDropPIN = `UPDATE users SET pin_hash = '', pin_void = true, updated_at = @at WHERE id = @id`

// distrust follows a "not me": PIN, trusted phones and deciding API tokens of whoever was abused are void. The page stays until a leader
// decides; a release that has not happened yet is frozen.
func (s *Store) distrust(ctx context.Context, tx pgx.Tx, c *change) error {
	if _, err := tx.Exec(ctx, sqlDropPIN, args{"id": c.req.ActorID, "at": c.now}); err != nil {
		return err
	}
	if err := s.revokeDevices(ctx, tx, c.req.ActorID); err != nil {
		return err
	}
	return s.revokeDeciding(ctx, tx, c.req.ActorID)
}

// linkLife is how long a link outlives its due time: Tết is long (mail.md (c)).
const linkLife = 30 * 24 * time.Hour

// openStep asks the people of one step, each by a link of their own, and snapshots the policy of the round.
func (s *Store) openStep(ctx context.Context, tx pgx.Tx, c *change) error {
	if _, err := tx.Exec(ctx, sqlOpenStep, args{
		"id": c.sit.Article.ID, "round": c.round, "step": c.step, "policy": toJSON(c.sit.Policy),
	}); err != nil {
		return err
	}
	for _, delegated := range []bool{false, true} { // the link is the own seat's: it outlives a delegation
		for _, seat := range c.ruling.Ask {
			if delegated != (seat.OnBehalfOf != "") {
				continue
			}
			if err := s.ask(ctx, tx, c, seat, false); err != nil {
				return err
			}
		}
	}
	return nil
}

// ask opens one question; whoever has no link to the article yet gets it by letter.
func (s *Store) ask(ctx context.Context, tx pgx.Tx, c *change, seat newsroom.Seat, escalation bool) error {
	calendar, err := s.calendar(ctx, tx)
	if err != nil {
		return err
	}
	due := c.now
	if c.sit.Article.Clock.Runs() {
		due = c.sit.Article.Clock.Due(calendar, 100)
	}
	if _, err := s.openAsk(ctx, tx, c, seat, "approval", escalation, due); err != nil {
		return err
	}
	return s.mailLink(ctx, tx, c, seat.Person)
}

// A person who is asked for several seats follows one link, since one decision answers them all.
const sqlUnmailed = `
	WITH mine AS (
	  SELECT k.id, k.escalation, k.on_behalf_of, k.created_at, EXISTS (SELECT FROM letters l WHERE l.id = 'approval_request/' || k.id) AS mailed
	  FROM asks k WHERE k.article_id = @id AND k.user_id = @user AND k.kind = 'approval' AND k.closed_at IS NULL)
	SELECT id FROM mine WHERE NOT EXISTS (SELECT FROM mine WHERE mailed)
	ORDER BY escalation, on_behalf_of <> '', created_at, id LIMIT 1`

// mailLink writes the letter with a person's link, unless an open question was mailed to them already.
func (s *Store) mailLink(ctx context.Context, tx pgx.Tx, c *change, person string) error {
	var id string
	err := notFound(tx.QueryRow(ctx, sqlUnmailed, args{"id": c.sit.Article.ID, "user": person}).Scan(&id))
	if errors.Is(err, newsroom.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("link of user %s to article %s: %w", person, c.sit.Article.ID, err)
	}
	return s.writeLetter(ctx, tx, letter{
		ID: "approval_request/" + id, Kind: newsroom.LetterApproval, UserID: person, ArticleID: c.sit.Article.ID, AskID: id, N: c.n,
	}, c.out)
}

// openAsk makes one link.
func (s *Store) openAsk(ctx context.Context, tx pgx.Tx, c *change, seat newsroom.Seat, kind string, escalation bool, due time.Time) (id string, err error) {
	id, version := newsroom.NewID(), s.keys.Version()
	_, err = tx.Exec(ctx, sqlOpenAsk, args{
		"id": id, "article": c.sit.Article.ID, "round": c.round, "step": c.step, "revision": c.revision, "hash": c.hash,
		"office": seat.Office, "user": seat.Person, "behalf": seat.OnBehalfOf, "escalation": escalation, "version": version,
		"token": s.tokenHash(PurposeAsk, id, version), "at": c.now, "due": due, "expires": later(due, c.now).Add(linkLife), "kind": kind,
	})
	return id, err
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Purposes keep the keys of different links apart.
const (
	PurposeAsk     = "ask"     // /duyet/…
	PurposeNotMe   = "not_me"  // /khong-phai-toi/…
	PurposePIN     = "pin"     // /ma-pin/…
	PurposeReset   = "reset"   // /mat-khau/…
	PurposeConfirm = "confirm" // /xac-nhan/…
	PurposePrefs   = "prefs"   // /tuy-chon/…
	PurposeLeave   = "leave"   // /huy/…
)

// tokenHash is what the database holds of a token: its sha256. The token itself is derived again when a mail is rendered.
func (s *Store) tokenHash(purpose, id string, version int) []byte {
	sum := sha256.Sum256([]byte(s.keys.Token(purpose, id, version)))
	return sum[:]
}

// hashToken is the hash of a token somebody brought.
func hashToken(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}

// releaseMismatch refuses to publish bytes that are not those approved.
func releaseMismatch(c *change) error {
	return &newsroom.MoveError{
		Code: newsroom.RefusedHash, Move: c.req.Move, Stage: c.sit.Article.Stage,
		Params: map[string]string{"revision": fmt.Sprint(c.revision)},
	}
}
