package store_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"toasoan/newsroom"
)

func TestAnArticleIsCreatedOnceUnderItsKey(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	create := func(by newsroom.Person, key, asked string) (newsroom.Draft, bool, error) {
		return d.CreateArticleOnce(t.Context(), by, newsroom.DoorAPI, key, []byte(asked), story("Bài"))
	}
	first, again, err := create(d.author, "k", "a")
	if err != nil || again {
		t.Fatal(again, err)
	}
	second, again, err := create(d.author, "k", "a")
	if err != nil || !again || second.Article.ID != first.Article.ID {
		t.Errorf("%s, then %s, again %v, %v", first.Article.ID, second.Article.ID, again, err)
	}
	if _, _, err := create(d.author, "k", "b"); !errors.Is(err, newsroom.ErrConflict) {
		t.Errorf("another request under the key: %v", err)
	}
	if other, again, err := create(d.reviewer, "k", "b"); err != nil || again || other.Article.ID == first.Article.ID {
		t.Errorf("another person's key: %v %v", again, err)
	}
	if _, _, err := create(d.leader, "x", "a"); !errors.Is(err, newsroom.ErrForbidden) {
		t.Errorf("somebody who does not write: %v", err)
	}
	history, err := d.History(t.Context(), first.Article.ID)
	if err != nil || len(history) != 1 || history[0].Door != newsroom.DoorAPI {
		t.Errorf("%+v %v", history, err)
	}
}

func TestACreationWithoutATransactionIsRunOnceUnderItsKey(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	var made []string
	make := func(name string, fail error) func(context.Context) (string, error) {
		return func(context.Context) (string, error) {
			made = append(made, name)
			return name, fail
		}
	}
	once := func(asked string, create func(context.Context) (string, error)) (string, bool, error) {
		return p.Once(t.Context(), p.admin.ID, "k", []byte(asked), create)
	}
	broken := errors.New("relay is away")
	if _, _, err := once("a", make("failed", broken)); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
	if got, again, err := once("a", make("one", nil)); got != "one" || again || err != nil {
		t.Errorf("after a failure: %q %v %v", got, again, err)
	}
	if got, again, err := once("a", make("two", nil)); got != "one" || !again || err != nil {
		t.Errorf("a repeat: %q %v %v", got, again, err)
	}
	if _, _, err := once("b", make("three", nil)); !errors.Is(err, newsroom.ErrConflict) {
		t.Errorf("another request: %v", err)
	}
	if !slices.Equal(made, []string{"failed", "one"}) {
		t.Errorf("made %v", made)
	}
	// While the first is at work a second waits; one that died is taken over after a minute.
	inHand := func(name string) (string, error) {
		got, _, err := p.Once(t.Context(), p.admin.ID, "slow", []byte("a"), make(name, nil))
		return got, err
	}
	_, _, err := p.Once(t.Context(), p.admin.ID, "slow", []byte("a"), func(context.Context) (string, error) {
		if _, err := inHand("meanwhile"); !errors.Is(err, newsroom.ErrPending) {
			t.Errorf("meanwhile: %v", err)
		}
		p.clock.forward(2 * time.Minute)
		if got, err := inHand("taken over"); got != "taken over" || err != nil {
			t.Errorf("taken over: %q %v", got, err)
		}
		return "late", nil
	})
	if err != nil {
		t.Error(err)
	}
}
