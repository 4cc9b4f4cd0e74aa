package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"toasoan/internal/media"
	"toasoan/internal/text"
	"toasoan/newsroom"
)

// demoSubscribers is how many people democontent/subscribers.csv lists.
const demoSubscribers = 40

// demoMark says in the settings whether this newsroom is a demo newsroom, and whether its content is complete.
type demoMark struct {
	Begun bool `json:"begun"`
	Done  bool `json:"done"`
}

// beginDemo makes the demo's accounts in an empty newsroom and returns who loads the rest. It takes up where a killed start stopped, and
// returns nil in a newsroom that somebody else set up. It needs the database alone: people can sign in before Temporal is there.
func beginDemo(ctx context.Context, a *app, data string, out io.Writer) (*demoLoader, error) {
	d := &demoLoader{app: a, data: data, out: out, people: map[string]newsroom.Person{}}
	if err := a.store.Setting(ctx, "demo", &d.mark); err != nil {
		return nil, err
	}
	if !d.mark.Begun {
		empty, err := a.store.Empty(ctx)
		if err != nil || !empty {
			return nil, err
		}
		d.mark.Begun = true
		if err := a.store.SaveSetting(ctx, newsroom.Person{}, "demo", d.mark); err != nil {
			return nil, err
		}
	}
	return d, d.accounts(ctx)
}

// finish loads the demo content through the same functions as real work, as far as it is missing. What it made keeps the time at
// which it was loaded.
func (d *demoLoader) finish(ctx context.Context) error {
	if d.mark.Done {
		return nil
	}
	began := time.Now()
	if err := d.load(ctx); err != nil {
		return err
	}
	d.mark.Done = true
	if err := d.store.SaveSetting(ctx, newsroom.Person{}, "demo", d.mark); err != nil {
		d.mark.Done = false
		return err
	}
	fmt.Fprintf(d.out, "Demo content is loaded (%s).\n", time.Since(began).Round(100*time.Millisecond))
	return nil
}

// demoLoader loads the demo content.
type demoLoader struct {
	*app
	data   string
	out    io.Writer
	mark   demoMark
	users  []demoUser
	people map[string]newsroom.Person // by role

	mu    sync.Mutex
	done  int
	total int
}

func (d *demoLoader) load(ctx context.Context) error {
	stories, err := demoStories()
	if err != nil {
		return err
	}
	d.done, d.total = 0, len(stories)
	fmt.Fprintf(d.out, "Loading demo content: the commune Vân Khê, %d people, %d subscribers, %d articles …\n", len(demoPeople), demoSubscribers, d.total)
	preparing, prepared := errgroup.WithContext(ctx)
	preparing.Go(func() error { return d.settle(prepared) })
	preparing.Go(func() error { return d.uploads(prepared, stories) })
	if err := preparing.Wait(); err != nil {
		return err
	}
	// Side by side but for the first, which is to be the newest on the front page.
	first, rest := stories[0], stories[1:]
	group, loading := errgroup.WithContext(ctx)
	group.SetLimit(4)
	for _, story := range rest {
		group.Go(func() error { return d.story(loading, story) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return d.story(ctx, first)
}

// uploads keeps the pictures and documents of the stories.
func (d *demoLoader) uploads(ctx context.Context, stories []*demoStory) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(2)
	by := d.people["reporter"].ID
	for _, story := range stories {
		for i := range story.Pictures {
			group.Go(func() error { return d.picture(ctx, by, &story.Pictures[i]) })
		}
		for i := range story.Attachments {
			group.Go(func() error { return d.document(ctx, by, &story.Attachments[i]) })
		}
	}
	return group.Wait()
}

func (d *demoLoader) picture(ctx context.Context, by string, p *demoPicture) error {
	data, err := demoContent.ReadFile("democontent/pictures/" + p.File)
	if err != nil {
		return fmt.Errorf("demo picture: %w", err)
	}
	p.SHA = fmt.Sprintf("%x", sha256.Sum256(data))
	if _, err := d.store.Media(ctx, p.SHA); !errors.Is(err, newsroom.ErrNotFound) {
		return err
	}
	picture, err := media.Decode(bytes.NewReader(data), 0)
	if err != nil {
		return fmt.Errorf("demo picture %s: %w", p.File, err)
	}
	made, err := media.Variants(picture)
	if err != nil {
		return fmt.Errorf("demo picture %s: %w", p.File, err)
	}
	variants := make([]newsroom.MediaVariant, len(made))
	for i, v := range made {
		variants[i] = newsroom.MediaVariant{Width: v.Width, Ext: v.Ext, MIME: v.MIME, Bytes: v.Bytes}
	}
	return d.store.SavePicture(ctx, newsroom.Media{
		SHA: p.SHA, Name: p.File, MIME: "image/" + picture.Format, Width: picture.Width, Height: picture.Height, Size: int64(len(data)), CreatedBy: by,
	}, variants)
}

func (d *demoLoader) document(ctx context.Context, by string, f *demoDocument) error {
	data, err := demoContent.ReadFile("democontent/" + f.File)
	if err != nil {
		return fmt.Errorf("demo document: %w", err)
	}
	taken, err := media.Attachment(bytes.NewReader(data), f.File)
	if err != nil {
		return fmt.Errorf("demo document %s: %w", f.File, err)
	}
	f.taken = newsroom.Attachment{
		SHA: taken.SHA256, Name: taken.Name, MIME: taken.MIME, Size: int64(len(data)), Number: f.Number, Date: f.Date, Summary: f.Summary,
	}
	return d.store.SaveFile(ctx, newsroom.Media{SHA: taken.SHA256, Name: taken.Name, MIME: taken.MIME, Size: int64(len(data)), CreatedBy: by}, taken.Bytes)
}

// story brings one article to its stage.
func (d *demoLoader) story(ctx context.Context, story *demoStory) error {
	id, err := d.create(ctx, story)
	if err != nil {
		return fmt.Errorf("demo article %s: %w", story.Key, err)
	}
	for i, step := range story.steps() {
		if err := d.step(ctx, story, id, i, step); err != nil {
			return fmt.Errorf("demo article %s: %s: %w", story.Key, step.move, err)
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.done++
	fmt.Fprintf(d.out, "  %2d/%d  %s\n", d.done, d.total, story.Title)
	return nil
}

// create begins an article, or finds the one that an earlier start began.
func (d *demoLoader) create(ctx context.Context, story *demoStory) (id string, err error) {
	author, err := d.store.Account(ctx, d.people[story.By].ID)
	if err != nil {
		return "", err
	}
	c := newsroom.Content{
		Title: text.Line(story.Title), Lead: text.Block(story.Lead), Body: text.HTML(story.Body), Section: story.Section, AlsoIn: story.AlsoIn,
		Topics: story.Topics, Tags: story.Tags, Slug: text.Slug(story.Title), Audience: "public", Source: story.Source, Credits: story.Credits,
	}
	for _, a := range story.Authors {
		c.Authors = append(c.Authors, newsroom.Author{PenName: a.PenName, UserID: d.people[a.Role].ID, Share: a.Share})
	}
	for _, p := range story.Pictures {
		c.Pictures = append(c.Pictures, newsroom.Picture{SHA: p.SHA, Alt: p.Alt, Caption: p.Caption, Credit: p.Credit})
	}
	for _, f := range story.Attachments {
		c.Attachments = append(c.Attachments, f.taken)
	}
	now := time.Now()
	if story.Embargo {
		c.ReleaseAt = new(nextFive(now))
	}
	if story.DisplayDays > 0 {
		c.DisplayEnd = new(newsroom.DateOf(now.AddDate(0, 0, story.DisplayDays)).Start().Add(17 * time.Hour).UTC())
	}
	key := "demo/" + story.Key
	request := sha256.Sum256([]byte(key))
	draft, again, err := d.app.store.CreateArticleOnce(ctx, author.Person, newsroom.DoorPage, key, request[:], c)
	if err != nil {
		return "", err
	}
	id = draft.Article.ID
	if story.Pasted && !again {
		if err := d.store.KeepPasted(ctx, id, 0, author.ID, story.Body); err != nil {
			return "", err
		}
	}
	return id, d.dispatch.Follow(ctx, id)
}

// nextFive is the next 17:00 in Vietnam that is at least half an hour away.
func nextFive(now time.Time) time.Time {
	five := newsroom.DateOf(now).Start().Add(17 * time.Hour)
	if five.Before(now.Add(30 * time.Minute)) {
		five = five.Add(24 * time.Hour)
	}
	return five.UTC()
}

// demoStep is one move, or for "edit" a change of the text in between.
type demoStep struct {
	who    string // role
	move   newsroom.Move
	code   newsroom.ReasonCode
	reason string
	kind   newsroom.ChangeKind
	note   newsroom.Correction
	say    string // comment
	edit   bool
}

// demoSpace makes the ids of the loader's moves: the same move has the same id at every start.
var demoSpace = uuid.MustParse("6f1f4a52-2f0e-4c2e-9d56-0d7c3c1e5a01")

func (d *demoLoader) step(ctx context.Context, story *demoStory, id string, nr int, step demoStep) error {
	if step.edit {
		return d.edit(ctx, story, id)
	}
	r := newsroom.Request{
		ID: uuid.NewSHA1(demoSpace, fmt.Appendf(nil, "%s/%s/%d/%s", id, story.Key, nr, step.move)).String(), ArticleID: id, ActorID: d.people[step.who].ID,
		Door: newsroom.DoorPage, Move: step.move, Code: step.code, Reason: step.reason, Kind: step.kind, Note: step.note, Comment: step.say,
	}
	outcome, err := d.settled(ctx, r.ID)
	if errors.Is(err, newsroom.ErrNotFound) {
		if r.Hash, r.Revision, err = d.seen(ctx, id, step.move); err == nil {
			outcome, err = d.make(ctx, r)
		}
	} else if err == nil && outcome == nil { // recorded by a start that was killed
		outcome, err = d.make(ctx, r)
	}
	if err == nil && outcome != nil && outcome.Refused != nil {
		err = outcome.Refused
	}
	if err != nil || outcome == nil || outcome.Publish == 0 || story.Correction == nil {
		return err
	}
	return d.awaitReceipts(ctx, id, outcome.Publish) // what is corrected was read before
}

// settled is what became of a move; nil: recorded only, newsroom.ErrNotFound: never asked for.
func (d *demoLoader) settled(ctx context.Context, requestID string) (*newsroom.Outcome, error) {
	_, outcome, err := d.store.Request(ctx, requestID)
	return outcome, err
}

// seen is what somebody who decides has seen: the newest frozen text.
func (d *demoLoader) seen(ctx context.Context, id string, move newsroom.Move) (hash string, revision int, err error) {
	a, err := d.store.Article(ctx, id)
	if err != nil || move != newsroom.MoveApprove {
		return "", a.Revision, err
	}
	frozen, err := d.store.Revision(ctx, id, a.Revision)
	return frozen.Hash, a.Revision, err
}

// make sends a move and waits until it is settled.
func (d *demoLoader) make(ctx context.Context, r newsroom.Request) (*newsroom.Outcome, error) {
	outcome, err := d.dispatch.Move(ctx, r)
	for err == nil && outcome.Pending {
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return nil, err
		}
		done, err := d.settled(ctx, r.ID)
		if err != nil || done != nil {
			return done, err
		}
	}
	return &outcome, err
}

// edit mends the text of a correction.
func (d *demoLoader) edit(ctx context.Context, story *demoStory, id string) error {
	draft, err := d.store.Draft(ctx, id)
	if err != nil {
		return err
	}
	c, wrong, right := draft.Content, story.Correction.Wrong, story.Correction.Right
	if draft.Article.Stage != newsroom.StageDraft || !strings.Contains(c.Body+c.Lead+c.Title, wrong) {
		return nil // done by an earlier start
	}
	for _, field := range []*string{&c.Title, &c.Lead, &c.Body} {
		*field = strings.ReplaceAll(*field, wrong, right)
	}
	c.Pictures = slices.Clone(c.Pictures)
	for i := range c.Pictures {
		c.Pictures[i].Caption = strings.ReplaceAll(c.Pictures[i].Caption, wrong, right)
	}
	c.Slug = text.Slug(c.Title)
	_, err = d.store.SaveDraft(ctx, id, d.people[story.By], draft.Article.Version, c)
	return err
}

// receiptsWait is how long the loader waits for the first publication of what it is going to correct.
const receiptsWait = 8 * time.Second

// awaitReceipts waits until every receipt of a publication is in; after receiptsWait it goes on without.
func (d *demoLoader) awaitReceipts(ctx context.Context, id string, n int64) error {
	for deadline := time.Now().Add(receiptsWait); time.Now().Before(deadline); {
		p, err := d.store.Publication(ctx, id, n)
		if err != nil || p.Done != nil {
			return err
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}
