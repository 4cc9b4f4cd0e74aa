package main

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"toasoan/newsroom"
)

// demoContent is what the demo newsroom writes about: one file an article (a JSON head, a line "---", the body), its pictures,
// documents and subscribers. All of it is invented.
//
//go:embed democontent
var demoContent embed.FS

// demoStory is one article of the demo content and how far it goes.
type demoStory struct {
	Key         string // of its file; sorted, and the first is published last
	Title       string
	Lead        string
	Section     string
	AlsoIn      []string `json:"also_in"`
	By          string   // role of its author
	Authors     []demoAuthor
	Credits     []newsroom.Credit
	Source      newsroom.Source
	Topics      []string
	Tags        []string
	Pictures    []demoPicture
	Attachments []demoDocument
	Embargo     bool            // released at the next 17:00
	DisplayDays int             `json:"display_days"`
	Pasted      bool            // the body is what was pasted from Word
	Stage       newsroom.Stage  // how far it goes
	Return      *demoReason     // why the reviewer returned it
	Note        string          // the reviewer's note to the leader
	Correction  *demoCorrection // what was mended after publication
	Body        string          `json:"-"`
}

type demoAuthor struct {
	PenName string `json:"pen_name"`
	Role    string
	Share   int
}

type demoPicture struct {
	File, Alt, Caption, Credit string
	SHA                        string `json:"-"`
}

type demoDocument struct {
	File, Number, Date, Summary string
	taken                       newsroom.Attachment
}

type demoReason struct {
	Code   newsroom.ReasonCode
	Reason string
}

type demoCorrection struct {
	Wrong, Right string // as they stand in the text
	Old, New     string // as the public note says it
}

// demoStories reads the articles in the order of their files.
func demoStories() ([]*demoStory, error) {
	files, err := demoContent.ReadDir("democontent")
	if err != nil {
		return nil, fmt.Errorf("read demo content: %w", err)
	}
	var stories []*demoStory
	for _, file := range files {
		key, isStory := strings.CutSuffix(file.Name(), ".html")
		if !isStory {
			continue
		}
		raw, err := demoContent.ReadFile("democontent/" + file.Name())
		if err != nil {
			return nil, fmt.Errorf("read demo content: %w", err)
		}
		head, body, found := bytes.Cut(raw, []byte("\n---\n"))
		if !found {
			return nil, fmt.Errorf("demo article %s has no line ---", file.Name())
		}
		story := &demoStory{Key: key, Body: string(body)}
		decoder := json.NewDecoder(bytes.NewReader(head))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(story); err != nil {
			return nil, fmt.Errorf("demo article %s: %w", file.Name(), err)
		}
		stories = append(stories, story)
	}
	return stories, nil
}

// steps are the moves that bring a story to its stage.
func (s *demoStory) steps() []demoStep {
	review := []demoStep{{who: s.By, move: newsroom.MoveSubmit}, {who: "reviewer", move: newsroom.MoveClaim}}
	if s.Return != nil {
		review = append(review, demoStep{who: "reviewer", move: newsroom.MoveReturn, code: s.Return.Code, reason: s.Return.Reason})
	}
	forward := demoStep{who: "reviewer", move: newsroom.MoveForward, say: s.Note}
	approve := demoStep{who: "leader", move: newsroom.MoveApprove}
	switch s.Stage {
	case newsroom.StageSubmitted:
		return review[:1]
	case newsroom.StageInReview, newsroom.StageChangesRequested:
		return review
	case newsroom.StageAwaitingApproval:
		return append(review, forward)
	case newsroom.StageApproved, newsroom.StageScheduled, newsroom.StageReleased:
		steps := append(review, forward, approve)
		if c := s.Correction; c != nil {
			steps = append(steps, demoStep{
				who: s.By, move: newsroom.MoveRevise, kind: newsroom.ChangeCorrection, note: newsroom.Correction{Old: c.Old, New: c.New},
			}, demoStep{edit: true})
			steps = slices.Concat(steps, review, []demoStep{forward, approve})
		}
		return steps
	default:
		return nil
	}
}
