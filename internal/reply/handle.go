package reply

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"time"

	"github.com/google/uuid"

	"toasoan/internal/inbox"
	"toasoan/internal/text"
	"toasoan/newsroom"
)

// Store is what reading answers asks of the database.
type Store interface {
	// ReplySeen reports whether the mail was dealt with.
	ReplySeen(ctx context.Context, mailID string) (bool, error)
	// AskByReply finds the question that one of our mails (by its message id, the nearest first) asked of whoever got it, and what only
	// that mail held: the token of its link, and the tag of its reply address. newsroom.ErrNotFound where none is ours.
	AskByReply(ctx context.Context, refs []string) (ask newsroom.AskView, token, tag string, err error)
	// ReplyDone notes what became of a mail, once; with a why the leader is told by the letters that come back.
	ReplyDone(ctx context.Context, r newsroom.Replied) (letters []string, err error)
}

// Dispatch settles moves and mails letters. Met by dispatch.Client.
type Dispatch interface {
	Move(ctx context.Context, r newsroom.Request) (newsroom.Outcome, error)
	Post(ctx context.Context, letterID string) error
}

// Handler decides what an answer means. It is safe for concurrent use.
type Handler struct {
	Store         Store
	Dispatch      Dispatch
	TrustedServer string                                // whose Authentication-Results is believed; "": signatures are verified here
	LookupTXT     func(domain string) ([]string, error) // nil: DNS
	Log           *slog.Logger
	Now           func() time.Time
}

// errLater says that the mail is to be read again: it is recorded, but nothing is settled yet.
var errLater = errors.New("recorded, not settled yet")

// Handle implements inbox.Handler: it deals with an answer to a mail of ours and passes everything else. The same mail twice is dealt
// with once, also when the program died in between: the move's id follows from the mail.
func (h *Handler) Handle(ctx context.Context, m inbox.Mail) (inbox.Verdict, error) {
	a, err := read(m.Raw)
	if err != nil {
		h.Log.InfoContext(ctx, "mail cannot be read", "error", err)
		return inbox.Pass, nil
	}
	if a.automatic != "" || m.Null || len(a.refs) == 0 {
		return inbox.Pass, nil
	}
	ask, token, tag, err := h.Store.AskByReply(ctx, a.refs)
	if errors.Is(err, newsroom.ErrNotFound) {
		return inbox.Pass, nil
	}
	if err != nil {
		return inbox.Keep, err
	}
	if seen, err := h.Store.ReplySeen(ctx, a.id); err != nil || seen {
		return inbox.Keep, err
	}
	return inbox.Keep, h.judge(ctx, m.Raw, a, ask, token, tag)
}

// judge says whether an answer to a question is its leader's own, and acts on it if so.
func (h *Handler) judge(ctx context.Context, raw []byte, a answer, ask newsroom.AskView, token, tag string) error {
	done := newsroom.Replied{MailID: a.id, AskID: ask.Ask.ID, UserID: ask.Person.ID, ArticleID: ask.Article.ID}
	if text.EmailKey(a.from) == "" || text.EmailKey(a.from) != text.EmailKey(ask.Person.Email) {
		// Somebody else's answer to a forwarded mail. Nobody is told: it may come from anywhere.
		h.Log.WarnContext(ctx, "answer to an approval mail from another address", "ask_id", ask.Ask.ID)
		done.What = "other_sender"
		return h.finish(ctx, done)
	}
	ok, coversTo := h.signed(raw, a)
	if !ok {
		h.Log.WarnContext(ctx, "answer to an approval mail without a valid signature", "ask_id", ask.Ask.ID)
		done.What, done.Why = "unsigned", "unsigned"
		return h.finish(ctx, done)
	}
	if !holds(a, token, tag, coversTo) {
		done.What, done.Why = "no_original", "original"
		return h.finish(ctx, done)
	}
	return h.decide(ctx, a, ask, done)
}

// decide makes the move that an authentic answer says.
func (h *Handler) decide(ctx context.Context, a answer, ask newsroom.AskView, done newsroom.Replied) error {
	move, reason, why := decision(a.lines)
	switch {
	case !ask.Policy.DecideByReply || ask.Policy.DecideTOTP || ask.Kind == "second":
		done.What, done.Why = "not_allowed", "policy"
	case why != "":
		done.What, done.Why = "unclear", why
	case ask.Over != "" || ask.Own != nil:
		done.What, done.Why = "closed", "closed"
	}
	if done.Why != "" {
		// A crash may have come between the move and its note: what this very mail decided is no refusal.
		if ask.Own == nil || ask.Own.RequestID != requestID(a.id) {
			return h.finish(ctx, done)
		}
		done.What, done.Why = "decided", ""
		return h.finish(ctx, done)
	}
	request := newsroom.Request{
		ID: requestID(a.id), ArticleID: ask.Article.ID, ActorID: ask.Person.ID, Door: newsroom.DoorReply, Move: move,
		Revision: ask.Ask.Revision, Hash: ask.Ask.Hash, AskID: ask.Ask.ID,
	}
	if move == newsroom.MoveRequestChanges {
		request.Code, request.Reason = newsroom.ReasonOther, reason
	}
	done.RequestID, done.What = request.ID, "decided"
	outcome, err := h.Dispatch.Move(ctx, request)
	if refused, ok := errors.AsType[*newsroom.MoveError](err); ok {
		done.What, done.Why = "refused", string(refused.Code)
		return h.finish(ctx, done)
	}
	if err != nil {
		return fmt.Errorf("decide by reply on %s: %w", ask.Article.ID, err)
	}
	if outcome.Pending {
		return fmt.Errorf("decide by reply on %s: %w", ask.Article.ID, errLater)
	}
	h.Log.InfoContext(ctx, "decided by reply", "ask_id", ask.Ask.ID, "article_id", ask.Article.ID, "move", move)
	return h.finish(ctx, done)
}

// finish notes what became of a mail and tells the leader where something is to be told.
func (h *Handler) finish(ctx context.Context, done newsroom.Replied) error {
	letters, err := h.Store.ReplyDone(ctx, done)
	if err != nil {
		return err
	}
	for _, id := range letters {
		if err := h.Dispatch.Post(ctx, id); err != nil {
			h.Log.WarnContext(ctx, "letter waits for the schedule", "letter_id", id, "error", err)
		}
	}
	return nil
}

// holds reports whether an answer carries what only our mail held: the token of its link in the quoted original, also as filters
// rewrite it, or the tag of its reply address in a To that the signature covers.
func holds(a answer, token, tag string, coversTo bool) bool {
	if token != "" && strings.Contains(breaks.ReplaceAllString(a.body, ""), token) {
		return true
	}
	if tag == "" || !coversTo {
		return false
	}
	for _, to := range a.to {
		local, _, _ := strings.Cut(strings.ToLower(to), "@")
		if strings.HasSuffix(local, "+"+strings.ToLower(tag)) {
			return true
		}
	}
	return false
}

// breaks are what mail programs put into a long address when they quote it.
var breaks = regexp.MustCompile(`[\s>]+`)

// requestID is the id of the move that a mail makes: the same however often it is read.
func requestID(mailID string) string {
	return uuid.NewSHA1(uuid.NameSpaceURL, []byte("toasoan:reply:"+mailID)).String()
}
