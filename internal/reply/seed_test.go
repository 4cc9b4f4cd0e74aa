package reply

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-msgauth/dkim"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"toasoan/internal/inbox"
	"toasoan/internal/secret"
	"toasoan/internal/store"
	"toasoan/internal/testkit"
	"toasoan/newsroom"
)

// desk is a newsroom on a real database whose leader answers mails.
type desk struct {
	*store.Store
	t        *testing.T
	db       *pgxpool.Pool
	at       time.Time
	mu       sync.Mutex
	handler  *Handler
	moves    *moves
	keys     map[string]ed25519.PrivateKey // by domain
	admin    newsroom.Person
	author   newsroom.Person
	reviewer newsroom.Person
	leader   newsroom.Person
	second   newsroom.Person
}

// moves settles moves as the workflow does.
type moves struct {
	store  *store.Store
	mu     sync.Mutex
	posted []string
	away   bool  // Temporal is away: recorded only
	die    error // what comes after the move was settled
}

func (m *moves) Move(ctx context.Context, r newsroom.Request) (newsroom.Outcome, error) {
	if err := m.store.RecordRequest(ctx, r); err != nil {
		return newsroom.Outcome{}, err
	}
	m.mu.Lock()
	away, die := m.away, m.die
	m.mu.Unlock()
	if away {
		return newsroom.Outcome{RequestID: r.ID, Pending: true}, nil
	}
	settled, err := m.store.RecordMove(ctx, r.ID)
	if err == nil && settled.Outcome.Refused != nil {
		return settled.Outcome, settled.Outcome.Refused
	}
	return settled.Outcome, errors.Join(err, die)
}

func (m *moves) Post(_ context.Context, id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.posted = append(m.posted, id)
	return nil
}

func (d *desk) now() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.at
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	owner, app := testkit.Database(t)
	keys, err := secret.NewRing(map[int][]byte{1: bytes.Repeat([]byte{7}, secret.KeySize)})
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{t: t, at: time.Date(2026, 10, 2, 2, 0, 0, 0, time.UTC), keys: map[string]ed25519.PrivateKey{}}
	if d.Store, err = store.New(t.Context(), store.Options{URL: app, Keys: keys, Now: d.now, Log: slog.New(slog.DiscardHandler), BaseURL: "https://vankhe.example"}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	if d.db, err = pgxpool.New(t.Context(), owner); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.db.Close)
	for i, domain := range []string{"vankhe.example", "mail.vankhe.example", "evil.example"} {
		d.keys[domain] = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{byte(i + 1)}, 32))
	}
	d.moves = &moves{store: d.Store}
	d.handler = &Handler{Store: d.Store, Dispatch: d.moves, LookupTXT: d.lookup, Log: slog.New(slog.DiscardHandler), Now: d.now}
	add := func(name string, roles ...newsroom.Role) newsroom.Person {
		a, _, err := d.CreateUser(t.Context(), newsroom.Person{}, newsroom.AccountInput{Email: name + "@vankhe.example", Name: name, Roles: roles}, false)
		d.no(err)
		return a.Person
	}
	d.admin, d.author, d.reviewer = add("admin", newsroom.RoleAdmin), add("author", newsroom.RoleReporter), add("reviewer", newsroom.RoleReviewer)
	d.leader, d.second = add("leader", newsroom.RoleLeader), add("second", newsroom.RoleLeader)
	_, err = d.SaveSection(t.Context(), d.admin, newsroom.Section{ID: "kinh-te", NameVI: "Kinh tế"})
	d.no(err)
	_, err = d.SaveOffice(t.Context(), d.admin, newsroom.Office{ID: "ubnd", Name: "Ban Biên tập"})
	d.no(err)
	d.no(d.Seat(t.Context(), d.admin, "ubnd", d.leader.ID, false))
	d.policy(func(p *newsroom.Policy) { p.DecideByReply = true })
	return d
}

func (d *desk) no(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

// lookup is the DNS of the test's domains.
func (d *desk) lookup(name string) ([]string, error) {
	key, known := d.keys[strings.TrimPrefix(name, "s1._domainkey.")]
	if !known {
		return nil, errors.New("no such host")
	}
	return []string{"v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(key.Public().(ed25519.PublicKey))}, nil //nolint:forcetypeassert // it is
}

func (d *desk) policy(bend func(*newsroom.Policy)) {
	d.t.Helper()
	p := newsroom.DefaultPolicy("ubnd")
	bend(&p)
	_, err := d.SavePolicy(d.t.Context(), d.admin, "", p)
	d.no(err)
}

func (d *desk) move(who newsroom.Person, id string, move newsroom.Move, hash string) {
	d.t.Helper()
	r := newsroom.Request{ID: uuid.NewString(), ArticleID: id, ActorID: who.ID, Door: newsroom.DoorPage, Move: move, Hash: hash, Code: newsroom.ReasonOther, Reason: "Lý do."}
	d.no(d.RecordRequest(d.t.Context(), r))
	s, err := d.RecordMove(d.t.Context(), r.ID)
	d.no(err)
	if s.Outcome.Refused != nil {
		d.t.Fatal(s.Outcome.Refused)
	}
}

// asked is an article that awaits approval, and the mail that asks for it.
type asked struct {
	d     *desk
	id    string
	ask   string
	local string // message id of the mail, without domain
	link  string
	tag   string
}

func (d *desk) sent() asked {
	d.t.Helper()
	draft, err := d.CreateArticle(d.t.Context(), d.author, newsroom.Content{
		Title: "Bài chờ duyệt", Lead: "Sapo.", Body: "<p>Nội dung.</p>", Section: "kinh-te", Authors: []newsroom.Author{{PenName: "Mai Lan"}},
	})
	d.no(err)
	id := draft.Article.ID
	d.move(d.author, id, newsroom.MoveSubmit, "")
	d.move(d.reviewer, id, newsroom.MoveClaim, "")
	d.move(d.reviewer, id, newsroom.MoveForward, "")
	return d.mailed(id)
}

// mailed is the newest mail that asks about an article.
func (d *desk) mailed(id string) asked {
	d.t.Helper()
	a := asked{d: d, id: id, ask: d.scalar(`SELECT id FROM asks WHERE article_id = $1 ORDER BY created_at DESC, closed_at IS NULL DESC LIMIT 1`, id)}
	v, err := d.LetterView(d.t.Context(), "approval_request/"+a.ask)
	d.no(err)
	a.local, a.link, a.tag = v.MessageID, v.Link, v.ReplyTag
	return a
}

func (d *desk) scalar(sql string, args ...any) (s string) {
	d.t.Helper()
	d.no(d.db.QueryRow(d.t.Context(), `SELECT coalesce((`+sql+`)::text, '')`, args...).Scan(&s))
	return s
}

func (d *desk) stage(id string) newsroom.Stage {
	d.t.Helper()
	a, err := d.Article(d.t.Context(), id)
	d.no(err)
	return a.Stage
}

// note is an answer under construction.
type note struct {
	from, to, subject string
	refs              string
	id                string
	extra             string // header lines
	text              string
	quote             string
	html              bool
	signer            string // domain, "" unsigned
	leave             string // header field left out of the signature
}

// answer is the leader's answer with a first line, the original quoted below it.
func (a asked) answer(first string) note {
	return note{
		from: "Lãnh đạo <leader@vankhe.example>", to: "toasoan@vankhe.example", subject: "Re: [Chờ duyệt] Bài chờ duyệt", refs: "<" + a.local + "@vankhe.example>",
		id: uuid.NewString() + "@phone", text: first + "\n", signer: "vankhe.example",
		quote: "\nVào Th 6, 2 thg 10, 2026 vào lúc 09:00 Tòa soạn <toasoan@vankhe.example> đã viết:\n> Kính gửi: Đồng chí Lãnh đạo.\n> Xem và xử lý bài viết:\n> " + a.link + "\n",
	}
}

// raw writes and signs the mail.
func (d *desk) raw(m note) []byte {
	d.t.Helper()
	body, kind := m.text+m.quote, "text/plain"
	if m.html {
		kind = "text/html"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "From: %s\nTo: %s\nSubject: %s\nMessage-ID: <%s>\nIn-Reply-To: %s\nReferences: <t.thread@vankhe.example> %s\nDate: Fri, 02 Oct 2026 09:10:00 +0700\n%sMIME-Version: 1.0\nContent-Type: %s; charset=utf-8\nContent-Transfer-Encoding: base64\n\n",
		encoded(m.from), m.to, "=?utf-8?B?"+base64.StdEncoding.EncodeToString([]byte(m.subject))+"?=", m.id, m.refs, m.refs, m.extra, kind)
	packed := base64.StdEncoding.EncodeToString([]byte(body))
	for i := 0; i < len(packed); i += 76 {
		b.WriteString(packed[i:min(i+76, len(packed))] + "\n")
	}
	plain := strings.ReplaceAll(b.String(), "\n", "\r\n")
	if m.signer == "" {
		return []byte(plain)
	}
	var fields []string
	for _, f := range []string{"From", "To", "Subject", "Date", "MIME-Version", "Content-Type"} {
		if f != m.leave {
			fields = append(fields, f)
		}
	}
	var out bytes.Buffer
	d.no(dkim.Sign(&out, strings.NewReader(plain), &dkim.SignOptions{
		Domain: m.signer, Selector: "s1", Signer: d.keys[m.signer], HeaderKeys: fields,
		HeaderCanonicalization: dkim.CanonicalizationRelaxed, BodyCanonicalization: dkim.CanonicalizationRelaxed,
	}))
	return out.Bytes()
}

// encoded keeps the name of an address in ASCII.
func encoded(address string) string {
	name, rest, ok := strings.Cut(address, " <")
	if !ok {
		return address
	}
	return "=?utf-8?B?" + base64.StdEncoding.EncodeToString([]byte(name)) + "?= <" + rest
}

// got hands a mail in and returns what was noted of it, "" where it was left alone.
func (d *desk) got(raw []byte) string {
	d.t.Helper()
	verdict, err := d.handler.Handle(d.t.Context(), inbox.Mail{Raw: raw, Via: "imap"})
	d.no(err)
	if verdict == inbox.Pass {
		return ""
	}
	return d.scalar(`SELECT what FROM mail_replies ORDER BY at DESC, ctid DESC LIMIT 1`)
}
