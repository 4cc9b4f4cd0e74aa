package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"toasoan/internal/store"
	"toasoan/internal/text"
	"toasoan/newsroom"
)

// people are who works in the plant's newsroom.
type people struct{ admin, reporter, reviewer, leader newsroom.Person }

const (
	leaderEmail = "lanh-dao@vankhe.example.vn"
	boardOffice = "ban-bien-tap"
)

// contacts are the addresses in the foot of each mail: a commune lists where it can be reached. They bring the mail to the size that
// senders are usually compared at, 20 KB of text and HTML together.
const contacts = "Bộ phận Tiếp nhận và Trả kết quả: tầng 1, trụ sở Ủy ban nhân dân xã Vân Khê, số 1, đường Trung tâm, thôn Đông, làm việc từ 7 giờ 30 đến 17 giờ các ngày làm việc. "

// settle makes the newsroom: office, people, and the policy that one leader approves.
func (p *plant) settle(ctx context.Context) error {
	for _, one := range []struct {
		into *newsroom.Person
		in   newsroom.AccountInput
	}{
		{&p.people.admin, newsroom.AccountInput{Email: "quan-tri@vankhe.example.vn", Name: "Đỗ Nhật Khoa", Roles: []newsroom.Role{newsroom.RoleAdmin}}},
		{&p.people.reporter, newsroom.AccountInput{Email: "phong-vien@vankhe.example.vn", Name: "Lương Hải Yên", Roles: []newsroom.Role{newsroom.RoleReporter}}},
		{&p.people.reviewer, newsroom.AccountInput{Email: "bien-tap@vankhe.example.vn", Name: "Bùi Thu Lam", Roles: []newsroom.Role{newsroom.RoleReviewer}}},
		{&p.people.leader, newsroom.AccountInput{Email: leaderEmail, Name: "Hoàng Đình Khải", Roles: []newsroom.Role{newsroom.RoleLeader}}},
	} {
		account, _, err := p.store.CreateUser(ctx, newsroom.Person{}, one.in, false)
		if err != nil {
			return err
		}
		*one.into = account.Person
	}
	admin := p.people.admin
	address := ""
	for range 18 {
		address += contacts
	}
	_, err := p.store.SaveOffice(ctx, admin, newsroom.Office{ID: boardOffice, Name: "Ban Biên tập", Position: 1})
	if err != nil {
		return err
	}
	_, policy := p.store.SavePolicy(ctx, admin, "", newsroom.DefaultPolicy(boardOffice))
	return errors.Join(policy, p.store.Seat(ctx, admin, boardOffice, p.people.leader.ID, false), p.store.SaveSetting(ctx, admin, "office", newsroom.OfficeInfo{
		Portal: "Cổng thông tin điện tử xã Vân Khê", Unit: "Ủy ban nhân dân xã Vân Khê", Parent: "Tỉnh Sông Vân", Address: address,
		Phone: "0200 3812 345", Email: "banbientap@vankhe.example.vn",
	}))
}

// list makes a section with n confirmed subscribers, each of them in no other list.
func (p *plant) list(ctx context.Context, section string, n int) error {
	_, err := p.store.SaveSection(ctx, p.people.admin, newsroom.Section{ID: section, NameVI: "Bản tin " + section, Position: 1})
	if err != nil {
		return err
	}
	version, at := p.keys.Version(), time.Now().UTC().Add(-time.Hour)
	ids := make([]string, n)
	for i := range ids {
		ids[i] = newsroom.NewID()
	}
	hash := func(purpose, id string) []byte {
		sum := sha256.Sum256([]byte(p.keys.Token(purpose, id, version)))
		return sum[:]
	}
	_, err = p.db.CopyFrom(ctx, pgx.Identifier{"subscribers"}, []string{
		"id", "email", "email_key", "email_mac", "state", "source", "requested_at", "confirmed_at", "key_version", "confirm_hash", "prefs_hash",
	}, pgx.CopyFromSlice(n, func(i int) ([]any, error) {
		email := fmt.Sprintf("%s-%06d@example.vn", section, i)
		return []any{
			ids[i], email, email, p.keys.MAC("email", email), "confirmed", "import", at, at, version,
			hash(store.PurposeConfirm, ids[i]), hash(store.PurposePrefs, ids[i]),
		}, nil
	}))
	if err != nil {
		return fmt.Errorf("subscribers of %s: %w", section, err)
	}
	_, err = p.db.CopyFrom(ctx, pgx.Identifier{"subscriptions"}, []string{"subscriber_id", "section_id", "cadence", "since"},
		pgx.CopyFromSlice(n, func(i int) ([]any, error) { return []any{ids[i], section, "instant", at}, nil }))
	if err != nil {
		return fmt.Errorf("subscriptions of %s: %w", section, err)
	}
	_, err = p.db.Exec(ctx, `ANALYZE subscribers, subscriptions`)
	return err
}

const sentence = "Sáng 02/10, tại hội trường Ủy ban nhân dân xã, bảy đơn vị đã ký kết chương trình phối hợp xây dựng nông thôn mới. "

// article writes an article and brings it before the leader.
func (p *plant) article(ctx context.Context, section, title string) (id string, err error) {
	lead := ""
	for len([]rune(lead)) < newsroom.MaxLead-len([]rune(sentence)) {
		lead += sentence
	}
	body := ""
	for range 20 {
		body += "<p>" + sentence + sentence + sentence + "</p>"
	}
	d, err := p.store.CreateArticle(ctx, p.people.reporter, newsroom.Content{
		Title: title, Lead: lead, Body: body, Section: section, Slug: text.Slug(title), Audience: "public",
		Authors: []newsroom.Author{{PenName: "Hải Yên", UserID: p.people.reporter.ID}},
	})
	if err != nil {
		return "", err
	}
	id = d.Article.ID
	for _, step := range []struct {
		move newsroom.Move
		who  newsroom.Person
	}{{newsroom.MoveSubmit, p.people.reporter}, {newsroom.MoveClaim, p.people.reviewer}} {
		if err := p.move(ctx, id, step.move, step.who); err != nil {
			return "", err
		}
	}
	return id, nil
}

// forward puts a claimed article before the leader: a letter goes out.
func (p *plant) forward(ctx context.Context, id string) error {
	return p.move(ctx, id, newsroom.MoveForward, p.people.reviewer)
}

// approve is the leader's decision, with which the article goes live.
func (p *plant) approve(ctx context.Context, id string) error {
	return p.move(ctx, id, newsroom.MoveApprove, p.people.leader)
}

func (p *plant) move(ctx context.Context, id string, move newsroom.Move, who newsroom.Person) error {
	a, err := p.store.Article(ctx, id)
	if err != nil {
		return err
	}
	r := newsroom.Request{ID: uuid.NewString(), ArticleID: id, ActorID: who.ID, Door: newsroom.DoorPage, Move: move, Revision: a.Revision}
	if move == newsroom.MoveApprove {
		frozen, err := p.store.Revision(ctx, id, a.Revision)
		if err != nil {
			return err
		}
		r.Hash = frozen.Hash
	}
	outcome, err := p.dispatch.Move(ctx, r)
	for deadline := time.Now().Add(time.Minute); err == nil && outcome.Pending; {
		if time.Now().After(deadline) {
			return fmt.Errorf("%s of %s is pending after a minute", move, id)
		}
		time.Sleep(20 * time.Millisecond)
		var done *newsroom.Outcome
		if _, done, err = p.store.Request(ctx, r.ID); done != nil {
			outcome = *done
		}
	}
	if err == nil && outcome.Refused != nil {
		err = outcome.Refused
	}
	if err != nil {
		return fmt.Errorf("%s of %s: %w", move, id, err)
	}
	return nil
}

// released is when an article went live: the moment that the settling transaction wrote, just before its commit.
func (p *plant) released(ctx context.Context, id string) (at time.Time, err error) {
	err = p.db.QueryRow(ctx, `SELECT at FROM publications WHERE article_id = $1 ORDER BY n DESC LIMIT 1`, id).Scan(&at)
	return at, err
}

// reached is when an article's newsletter was opened, was frozen, had its first chunk leased and its first dot permitted.
func (p *plant) reached(ctx context.Context, article string) (at [4]time.Time, err error) {
	err = p.db.QueryRow(ctx, `
		SELECT i.opened_at, i.prepared_at, i.started_at, (SELECT min(d.dot_at) FROM mail_deliveries d WHERE d.issue_id = i.id)
		FROM mail_issues i WHERE i.article_id = $1 ORDER BY i.seq DESC LIMIT 1`, article).Scan(&at[0], &at[1], &at[2], &at[3])
	return at, err
}

// issue is the newsletter of an article: its id, status and counts once it is closed.
func (p *plant) issue(ctx context.Context, article string) (id, status string, counts newsroom.IssueCounts, err error) {
	var raw []byte
	err = p.db.QueryRow(ctx, `SELECT id, status, counts FROM mail_issues WHERE article_id = $1 ORDER BY seq DESC LIMIT 1`, article).Scan(&id, &status, &raw)
	if err == nil && raw != nil {
		err = json.Unmarshal(raw, &counts)
	}
	return id, status, counts, err
}
