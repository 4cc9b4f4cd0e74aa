package store

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"toasoan/internal/text"
	"toasoan/newsroom"
)

// errNobody says that a letter has nobody to go to, or nothing to say any more: its link died, its addressee is gone.
var errNobody = errors.New("the letter has no addressee or its link is dead")

// letterRow is a letters row as its view is made from.
type letterRow struct {
	id, messageID, verp                    string
	kind                                   newsroom.LetterKind
	userID, subscriberID, articleID, askID string
	data                                   letterData
	date                                   time.Time
	state                                  newsroom.DeliveryState
	attempt, code                          int
	lease                                  int64
	dotAt, next                            *time.Time
	resent                                 bool
}

// letterData is what the writers of letters keep in letters.data: ids, codes and times.
type letterData struct {
	N          int64      `json:"n"`
	Mark       int        `json:"mark"`
	LinkID     string     `json:"link_id"`
	KeyVersion int        `json:"key_version"`
	Sections   []string   `json:"sections"`
	All        bool       `json:"all"`
	To         []byte     `json:"to_sealed"` // send_to_friend: it is nobody's account
	From       string     `json:"from_name"` // send_to_friend: how the reader introduced themselves
	Locale     string     `json:"locale"`
	Revision   int        `json:"revision"`
	Until      *time.Time `json:"until"`
	ActorID    string     `json:"actor_id"`
	Shut       bool       `json:"shut"` // desk_pin_locked
	Late       bool       `json:"late"` // second_sign: its time is over
	Day        *time.Time `json:"day"`  // audit_root
	Why        string     `json:"why"`  // reply_refused
}

const sqlLetter = `
	SELECT id, kind, coalesce(user_id, ''), coalesce(subscriber_id, ''), coalesce(article_id, ''), coalesce(ask_id, ''), data, message_id,
	  verp, date, state, attempt, lease, dot_at, next_attempt, resent, smtp_code
	FROM letters WHERE id = @id`

func scanLetter(row pgx.Row) (l letterRow, err error) {
	var data []byte
	if err = row.Scan(&l.id, &l.kind, &l.userID, &l.subscriberID, &l.articleID, &l.askID, &data, &l.messageID,
		&l.verp, &l.date, &l.state, &l.attempt, &l.lease, &l.dotAt, &l.next, &l.resent, &l.code); err != nil {
		return l, notFound(err)
	}
	return l, json.Unmarshal(data, &l.data)
}

// LetterView loads everything a letter says, fresh, with its links derived anew. newsroom.ErrNotFound where there is no such
// letter, or where it has nobody to go to any more.
func (s *Store) LetterView(ctx context.Context, letterID string) (newsroom.LetterView, error) {
	l, err := scanLetter(s.db.QueryRow(ctx, sqlLetter, args{"id": letterID}))
	if err != nil {
		return newsroom.LetterView{}, fmt.Errorf("letter %s: %w", letterID, err)
	}
	v, err := s.letterView(ctx, s.db, l)
	if errors.Is(err, errNobody) {
		return v, fmt.Errorf("letter %s: %w", letterID, newsroom.ErrNotFound)
	}
	return v, err
}

// letterView makes the view of l; errNobody where it has nobody to go to, or nothing to say any more.
func (s *Store) letterView(ctx context.Context, q querier, l letterRow) (v newsroom.LetterView, err error) {
	v = newsroom.LetterView{ID: l.id, Kind: l.kind, MessageID: l.messageID, VERP: l.verp, Date: l.date, ArticleID: l.articleID}
	if v.Office, err = s.office(ctx, q); err != nil {
		return v, err
	}
	switch {
	case l.userID != "":
		err = s.toUser(ctx, q, l, &v)
	case l.subscriberID != "":
		err = s.toSubscriber(ctx, q, l, &v)
	case l.kind == newsroom.LetterToFriend:
		err = s.toFriend(ctx, q, l, &v)
	case l.kind == newsroom.LetterAuditRoot:
		err = s.toSealed(l, &v)
	default:
		err = errNobody
	}
	if err != nil {
		return v, fmt.Errorf("addressee of letter %s: %w", l.id, err)
	}
	v.Why = l.data.Why
	if l.kind == newsroom.LetterAuditRoot {
		if err := s.aboutRoot(ctx, q, l, &v); err != nil {
			return v, fmt.Errorf("root of letter %s: %w", l.id, err)
		}
	}
	if l.articleID != "" {
		if err := s.aboutArticle(ctx, q, l, &v); err != nil {
			return v, fmt.Errorf("article of letter %s: %w", l.id, err)
		}
	}
	if err := s.letterLinks(ctx, q, l, &v); err != nil {
		return v, fmt.Errorf("links of letter %s: %w", l.id, err)
	}
	return v, nil
}

func (s *Store) office(ctx context.Context, q querier) (o newsroom.OfficeInfo, err error) {
	var raw []byte
	err = ignoreNotFound(notFound(q.QueryRow(ctx, sqlSetting, args{"key": "office"}).Scan(&raw)))
	if err == nil && raw != nil {
		err = json.Unmarshal(raw, &o)
	}
	if err != nil {
		return o, fmt.Errorf("read office: %w", err)
	}
	o.URL = s.base
	return o, nil
}

func (s *Store) toUser(ctx context.Context, q querier, l letterRow, v *newsroom.LetterView) error {
	p, err := s.person(ctx, q, l.userID)
	if err != nil {
		return err
	}
	if !p.Active {
		return errNobody
	}
	v.ToName, v.ToEmail, v.ToTitle, v.Locale = p.Name, p.Email, p.Title, p.Locale
	return nil
}

func (s *Store) toSubscriber(ctx context.Context, q querier, l letterRow, v *newsroom.LetterView) error {
	u, err := scanSub(q.QueryRow(ctx, sqlSubByID, args{"id": l.subscriberID}))
	if errors.Is(err, newsroom.ErrNotFound) || u.State == newsroom.SubscriberErased {
		return errNobody
	}
	if err != nil {
		return err
	}
	if why, err := s.stopped(ctx, q, l.kind, u.mac); err != nil || why != "" {
		return errors.Join(err, errNobody)
	}
	v.ToName, v.ToEmail, v.Locale = u.Name, u.Email, u.Locale
	sections := l.data.Sections
	switch l.kind {
	case newsroom.LetterConfirm, newsroom.LetterConfirmAgain:
		p, done, err := s.pending(ctx, q, u)
		if errors.Is(err, newsroom.ErrNotFound) || done {
			return errNobody // pressed already, or too late
		}
		if err != nil {
			return err
		}
		lists, err := s.inOrder(ctx, q, p.lists)
		if err != nil {
			return err
		}
		sections = sectionIDs(lists)
		for _, l := range lists {
			v.Cadences = append(v.Cadences, l.Cadence)
		}
		v.At, v.Until, v.Locale, v.Known = &p.at, new(p.until(u)), p.localeOf(u), u.State == newsroom.SubscriberConfirmed
		v.Link = s.base + "/xac-nhan/" + s.confirmLink(u, p)
	case newsroom.LetterLeft:
		v.At = &l.date
		v.Link = s.base + "/dang-ky"
		if !l.data.All {
			v.Link = s.base + "/tuy-chon/" + s.keys.Token(PurposePrefs, u.ID, u.version)
		} else {
			v.Until = new(l.date.Add(15 * 24 * time.Hour))
		}
	}
	v.Sections, err = s.sectionNames(ctx, q, sections, v.Locale)
	return err
}

// stopped says why an address gets no letter of kind, "" nothing does: what a server said of it once does not stop what finds out
// whether that is still so.
func (s *Store) stopped(ctx context.Context, q querier, kind newsroom.LetterKind, mac []byte) (string, error) {
	if kind == newsroom.LetterConfirm || kind == newsroom.LetterConfirmAgain {
		return s.held(ctx, q, mac)
	}
	return s.why(ctx, q, mac, false)
}

// toSealed opens the address that a reader typed, or the inspector's. It is sealed in the letter and belongs to no account.
func (s *Store) toSealed(l letterRow, v *newsroom.LetterView) error {
	if v.ToEmail = s.unsealed(l.data.To); v.ToEmail == "" {
		return errNobody
	}
	v.ActorName, v.Locale = l.data.From, l.data.Locale
	return nil
}

// toFriend addresses what a stranger's form sends: to nobody who gets no mail of ours, whatever the reason.
func (s *Store) toFriend(ctx context.Context, q querier, l letterRow, v *newsroom.LetterView) error {
	if err := s.toSealed(l, v); err != nil {
		return err
	}
	why, err := s.why(ctx, q, s.emailMAC(text.EmailKey(v.ToEmail)), true)
	if err != nil {
		return err
	}
	if why != "" {
		return errNobody
	}
	return nil
}

// unsealed opens an address of letterData.To; "" for none, or of a key that is gone.
func (s *Store) unsealed(address []byte) string {
	open, err := s.keys.Open(address)
	if err != nil {
		return ""
	}
	return string(open)
}

const sqlSectionNames = `
	SELECT CASE WHEN @locale = 'en' AND name_en <> '' THEN name_en ELSE name_vi END FROM sections WHERE id = ANY (@ids) ORDER BY position, id`

func (s *Store) sectionNames(ctx context.Context, q querier, ids []string, locale string) ([]string, error) {
	rows, _ := q.Query(ctx, sqlSectionNames, args{"ids": orEmpty(ids), "locale": locale})
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("section names: %w", err)
	}
	return names, nil
}

const (
	sqlLetterAudit = `
	SELECT u.actor_id, u.actor_name, coalesce(p.title, ''), u.action, u.reason_code, u.reason, u.at, u.revision
	FROM audit u LEFT JOIN users p ON p.id = u.actor_id WHERE u.article_id = @id AND u.n = @n`
	sqlLetterNote = `
	SELECT text FROM comments WHERE article_id = @id AND kind = 'note' AND at <= @at ORDER BY at DESC LIMIT 1`
	sqlLetterTitle = `SELECT title, content->>'lead', section_id, byline, slug, public FROM live_articles WHERE article_id = @id`
)

// aboutArticle says what the article was when the letter was caused, who did what, and by when something is due.
func (s *Store) aboutArticle(ctx context.Context, q querier, l letterRow, v *newsroom.LetterView) error {
	a, err := scanArticle(q.QueryRow(ctx, sqlArticle, args{"id": l.articleID}))
	if err != nil {
		return err
	}
	revision := l.data.Revision
	if l.data.N > 0 {
		var actorID string
		var at time.Time
		err := q.QueryRow(ctx, sqlLetterAudit, args{"id": a.ID, "n": l.data.N}).
			Scan(&actorID, &v.ActorName, &v.ActorTitle, &v.Move, &v.Code, &v.Reason, &at, &revision)
		if err != nil {
			return notFound(err)
		}
		v.At = &at
	}
	if l.data.ActorID != "" {
		p, err := s.person(ctx, q, l.data.ActorID)
		if err = ignoreNotFound(err); err != nil {
			return err
		}
		v.ActorName, v.ActorTitle = p.Name, p.Title
	}
	content, err := s.letterContent(ctx, q, a, revision)
	if err != nil {
		return err
	}
	v.Title, v.Lead, v.Authors, v.Thread = content.Title, content.Lead, content.Byline(), thread(a.ID)
	names, err := s.sectionNames(ctx, q, []string{content.Section}, v.Locale)
	if err != nil {
		return err
	}
	v.Section = strings.Join(names, "")
	if a.ForwardedBy != "" {
		p, err := s.person(ctx, q, a.ForwardedBy)
		if err = ignoreNotFound(err); err != nil {
			return err
		}
		v.Reviewer = p.Name
	}
	if l.askID != "" {
		err := q.QueryRow(ctx, sqlLetterNote, args{"id": a.ID, "at": l.date}).Scan(&v.Note)
		if err = ignoreNotFound(notFound(err)); err != nil {
			return err
		}
	}
	var slug string
	var lead, section, byline, title, public string
	err = notFound(q.QueryRow(ctx, sqlLetterTitle, args{"id": a.ID}).Scan(&title, &lead, &section, &byline, &slug, &public))
	if err = ignoreNotFound(err); err != nil {
		return err
	}
	if slug != "" {
		v.PublicURL = s.base + newsroom.ArticlePath(slug, a.ID)
	}
	if l.kind == newsroom.LetterToFriend {
		if slug == "" || newsroom.Public(public) == newsroom.PublicTakenDown {
			return errNobody
		}
		v.Title, v.Lead, v.Authors = title, lead, byline
	}
	return s.letterDue(ctx, q, l, a, v)
}

// letterContent is the text a letter is about: the frozen revision where there is one, the working text otherwise.
func (s *Store) letterContent(ctx context.Context, q querier, a newsroom.Article, revision int) (c newsroom.Content, err error) {
	if revision > 0 {
		return s.frozen(ctx, q, a.ID, revision)
	}
	d, err := draft(q.QueryRow(ctx, sqlDraft, args{"id": a.ID}))
	return d.Content, err
}

// thread is the message id that all letters about an article refer to: mail programs show them as one conversation.
func thread(articleID string) string {
	sum := sha256.Sum256([]byte("article/" + articleID))
	return "t." + strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:16]))
}

const sqlLetterAsk = `
	SELECT k.due_at, k.key_version, k.closed_at, k.expires_at, coalesce(b.name, '') FROM asks k LEFT JOIN users b ON b.id = k.on_behalf_of WHERE k.id = @id`

// letterDue says until when somebody has time, and how much working time was left when the letter was written.
func (s *Store) letterDue(ctx context.Context, q querier, l letterRow, a newsroom.Article, v *newsroom.LetterView) error {
	calendar, err := s.calendar(ctx, q)
	if err != nil {
		return err
	}
	switch l.kind {
	case newsroom.LetterSubmitted, newsroom.LetterApproval, newsroom.LetterApprovalSoon, newsroom.LetterApprovalOverdue,
		newsroom.LetterReviewSoon, newsroom.LetterReviewOverdue:
		if a.Clock.Runs() {
			v.Due = new(a.Clock.Due(calendar, 100))
		}
	case newsroom.LetterSecondSign, newsroom.LetterChanges:
		v.Due = a.SecondBy
	}
	if v.Due == nil {
		return nil
	}
	if v.Left = calendar.Between(l.date, *v.Due); !v.Due.After(l.date) {
		v.Left = -calendar.Between(*v.Due, l.date)
	}
	return nil
}

// letterLinks derives the links. A letter that asks for something whose link died meanwhile has nothing to say.
func (s *Store) letterLinks(ctx context.Context, q querier, l letterRow, v *newsroom.LetterView) error {
	desk := s.base + "/desk"
	if l.articleID != "" {
		desk += "/articles/" + l.articleID
	}
	switch l.kind {
	case newsroom.LetterApproval, newsroom.LetterApprovalSoon, newsroom.LetterApprovalOverdue:
		if l.askID == "" { // told, not asked: the reviewer who forwarded, the chief
			v.Link, v.Told = desk, true
			return nil
		}
		link, open, err := s.askLink(ctx, q, l.askID, v)
		if err != nil {
			return err
		}
		if !open {
			return errNobody
		}
		v.Link = link
		if v.ReplyTag, err = s.letterTag(ctx, q, l.articleID, l.askID); err != nil {
			return err
		}
	case newsroom.LetterSecondSign:
		v.Link, v.Late = desk, l.data.Late
		if l.askID == "" {
			return nil
		}
		link, open, err := s.askLink(ctx, q, l.askID, v)
		if err != nil {
			return err
		}
		if !open {
			return errNobody
		}
		v.Link = link
	case newsroom.LetterReceipt, newsroom.LetterSettled, newsroom.LetterPINLocked, newsroom.LetterReplyRefused:
		v.Link = desk
		if l.askID != "" { // shows the outcome, also to somebody who never signs in
			link, _, err := s.askLink(ctx, q, l.askID, v)
			if err != nil {
				return err
			}
			v.Link = link
		} else if v.PublicURL != "" && l.kind == newsroom.LetterSettled {
			v.Link = v.PublicURL
		}
		if l.kind == newsroom.LetterReceipt {
			v.UndoUntil = l.data.Until
			if token := s.keys.Token(PurposeNotMe, l.data.LinkID, l.data.KeyVersion); l.data.LinkID != "" && token != "" {
				v.NotMeLink = s.base + "/khong-phai-toi/" + token
			}
		}
	case newsroom.LetterPasswordReset, newsroom.LetterAccountInvite, newsroom.LetterPINInvite:
		return s.accountLetterLink(ctx, q, l, v)
	case newsroom.LetterPublished:
		v.Link = v.PublicURL
	case newsroom.LetterToFriend:
		v.Link = v.PublicURL
	case newsroom.LetterConfirm, newsroom.LetterConfirmAgain, newsroom.LetterLeft:
	case newsroom.LetterQuiet:
		v.Link, v.At = desk, &l.date
	case newsroom.LetterDeskLocked:
		v.Link, v.At, v.Shut = desk, &l.date, l.data.Shut
		p, err := s.person(ctx, q, l.data.ActorID)
		if err = ignoreNotFound(err); err != nil {
			return err
		}
		v.ActorName = p.Name
	default:
		v.Link = desk
	}
	return nil
}

func (s *Store) askLink(ctx context.Context, q querier, askID string, v *newsroom.LetterView) (link string, open bool, err error) {
	var due, closedAt *time.Time
	var version int
	var expires time.Time
	if err := q.QueryRow(ctx, sqlLetterAsk, args{"id": askID}).Scan(&due, &version, &closedAt, &expires, &v.Behalf); err != nil {
		return "", false, notFound(err)
	}
	if due != nil && v.Due == nil && closedAt == nil {
		v.Due = due
	}
	v.Until = &expires
	return s.base + "/duyet/" + s.keys.Token(PurposeAsk, askID, version), closedAt == nil && expires.After(s.now()), nil
}

const sqlLinkVersion = `SELECT key_version, expires_at, used_at FROM account_links WHERE id = @id`

// accountLetterLink is the link to set a password or a PIN; a link that was used or replaced needs no letter.
func (s *Store) accountLetterLink(ctx context.Context, q querier, l letterRow, v *newsroom.LetterView) error {
	var version int
	var expires time.Time
	var used *time.Time
	if err := notFound(q.QueryRow(ctx, sqlLinkVersion, args{"id": l.data.LinkID}).Scan(&version, &expires, &used)); err != nil {
		return err
	}
	if used != nil || !expires.After(s.now()) {
		return errNobody
	}
	path, purpose := "/mat-khau/", PurposeReset
	if l.kind == newsroom.LetterPINInvite {
		path, purpose = "/ma-pin/", PurposePIN
	}
	v.Link, v.Until = s.base+path+s.keys.Token(purpose, l.data.LinkID, version), &expires
	return nil
}
