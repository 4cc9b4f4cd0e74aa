package reply

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"toasoan/internal/inbox"
	"toasoan/internal/testkit/imapfake"
	"toasoan/newsroom"
)

// From the mailbox to the decision: answers that waited and answers that come in are carried out and marked as read, what is none of
// ours is left alone, and one that cannot be settled now is settled later.
func TestAnswersInTheMailbox(t *testing.T) {
	t.Parallel()
	d, p := newDesk(t), imapfake.New(t, imapfake.Options{})
	waiting, coming := d.sent(), d.sent()
	p.Deliver(d.raw(waiting.answer("DUYỆT")))
	p.Deliver([]byte("From: ban.doc@example.org\r\nSubject: Xin chao\r\n\r\nMail of somebody else.\r\n"))
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		(&inbox.Reader{URL: p.URL("tls=none"), Handler: d.handler, Log: slog.New(slog.DiscardHandler)}).Run(ctx)
	}()
	defer func() { stop(); <-done }()
	until := func(what string, holds func() bool) {
		t.Helper()
		for deadline := time.Now().Add(time.Minute); !holds(); time.Sleep(20 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("never: %s", what)
			}
		}
	}
	until("the answer that waited is carried out", func() bool { return d.stage(waiting.id) == newsroom.StageReleased })
	d.moves.mu.Lock()
	d.moves.away = true
	d.moves.mu.Unlock()
	p.Deliver(d.raw(coming.answer("TRẢ LẠI: thiếu ảnh")))
	until("the answer is recorded", func() bool { return d.scalar(`SELECT count(*) FROM move_requests WHERE settled_at IS NULL`) == "1" })
	if _, unread := p.Count("INBOX"); unread != 2 {
		t.Errorf("%d unread mails: one is put away before it is settled", unread)
	}
	d.moves.mu.Lock()
	d.moves.away = false
	d.moves.mu.Unlock()
	until("it is carried out", func() bool { return d.stage(coming.id) == newsroom.StageChangesRequested })
	until("both are marked as read", func() bool { mails, unread := p.Count("INBOX"); return mails == 3 && unread == 1 })
}
