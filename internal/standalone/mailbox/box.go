package mailbox

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// ErrNotFound says that there is no such message (any more).
var ErrNotFound = errors.New("no such message")

// entry is a message as the list knows it, and as the journal describes it.
type entry struct {
	Summary
	EnvelopeFrom string   `json:"envelope_from"`
	EnvelopeTo   []string `json:"envelope_to"`
	Words        string   `json:"words,omitempty"` // the beginning of its text, for the search

	at    place
	words searchable
}

// Box is the kept messages, newest first when listed. Its methods may be called from anywhere at any time.
type Box struct {
	keep      int
	keepBytes int64
	journal   *journal
	now       func() time.Time

	mu      sync.RWMutex
	entries []*entry // oldest first
	byID    map[string]*entry
	bytes   int64
	unread  int
	closed  bool
	adding  sync.WaitGroup
	settle  sync.Mutex // deletions and trimming, one at a time
}

// keepBytes bounds the folder whatever the number of messages.
const keepBytes = 4 << 30

// openBox opens the messages of a folder, and keeps the newest `keep`.
func openBox(folder string, keep int, throwaway bool, now func() time.Time) (*Box, error) {
	b := &Box{keep: keep, keepBytes: keepBytes, byID: map[string]*entry{}, now: now}
	journal, err := openJournal(folder, throwaway, b.replay)
	if err != nil {
		return nil, err
	}
	b.journal = journal
	return b, b.trim()
}

func (b *Box) replay(kind byte, meta []byte, at place) error {
	if kind == kindMessage {
		e := &entry{at: at}
		if err := json.Unmarshal(meta, e); err != nil {
			return err
		}
		b.list(e)
		return nil
	}
	var m mark
	if err := json.Unmarshal(meta, &m); err != nil {
		return err
	}
	switch kind {
	case kindRead:
		b.markRead(m)
	case kindDelete:
		b.unlist(m)
	}
	return nil
}

// list, markRead and unlist change the list; the caller holds b.mu, or nobody else knows the box yet.
func (b *Box) list(e *entry) {
	e.words = e.searchable()
	e.Words = ""
	b.entries = append(b.entries, e)
	b.byID[e.ID] = e
	b.bytes += e.at.size
	if !e.Read {
		b.unread++
	}
}

func (b *Box) markRead(m mark) {
	for _, id := range m.IDs {
		e := b.byID[id]
		if e == nil || e.Read == m.Read {
			continue
		}
		if e.Read = m.Read; m.Read {
			b.unread--
		} else {
			b.unread++
		}
	}
}

func (b *Box) unlist(m mark) {
	gone := map[string]bool{}
	for _, id := range m.IDs {
		gone[id] = true
	}
	b.entries = slices.DeleteFunc(b.entries, func(e *entry) bool {
		if gone[e.ID] {
			b.forget(e)
		}
		return gone[e.ID]
	})
}

func (b *Box) forget(e *entry) {
	delete(b.byID, e.ID)
	b.bytes -= e.at.size
	e.at.segment.live.Add(-1)
	if !e.Read {
		b.unread--
	}
}

// Add keeps a message and returns when it is on disk.
func (b *Box) Add(from string, to []string, raw []byte) (Summary, error) {
	if err := b.begin(); err != nil {
		return Summary{}, err
	}
	defer b.adding.Done()

	parsed := parse(raw)
	e := &entry{Summary: parsed.summary(), EnvelopeFrom: from, EnvelopeTo: to, Words: parsed.words()}
	e.ID, e.Created, e.Size = rand.Text()[:22], b.now().UTC().Truncate(time.Millisecond), uint64(len(raw))
	e.Bcc = blindCopies(e.Summary, to)
	at, err := b.journal.append(kindMessage, e, raw, true)
	if err != nil {
		return Summary{}, err
	}
	e.at = at
	b.mu.Lock()
	b.list(e)
	over := len(b.entries) > b.keep || b.bytes > b.keepBytes
	b.mu.Unlock()
	if over {
		err = b.trim()
	}
	return e.Summary, err
}

// trim drops the oldest messages beyond the bounds.
func (b *Box) trim() error {
	b.settle.Lock()
	defer b.settle.Unlock()
	b.mu.Lock()
	drop := 0
	for len(b.entries)-drop > b.keep || b.bytes > b.keepBytes {
		b.forget(b.entries[drop])
		drop++
	}
	b.entries = slices.Delete(b.entries, 0, drop)
	b.mu.Unlock()
	return b.journal.drop()
}

// Delete removes messages; unknown ids are none of its business. It returns when that is on disk.
func (b *Box) Delete(ids ...string) error { return b.change(kindDelete, mark{IDs: ids}, true) }

// SetRead marks messages as read or unread.
func (b *Box) SetRead(read bool, ids ...string) error {
	return b.change(kindRead, mark{IDs: ids, Read: read}, false)
}

// IDs are those of all messages.
func (b *Box) IDs() []string {
	b.mu.RLock()
	defer b.mu.RUnlock()
	ids := make([]string, len(b.entries))
	for i, e := range b.entries {
		ids[i] = e.ID
	}
	return ids
}

func (b *Box) change(kind byte, m mark, sync bool) error {
	if len(m.IDs) == 0 {
		return nil
	}
	if err := b.begin(); err != nil {
		return err
	}
	defer b.adding.Done()
	b.settle.Lock()
	defer b.settle.Unlock()
	if _, err := b.journal.append(kind, m, nil, sync); err != nil {
		return fmt.Errorf("change messages: %w", err)
	}
	b.mu.Lock()
	if kind == kindDelete {
		b.unlist(m)
	} else {
		b.markRead(m)
	}
	b.mu.Unlock()
	return b.journal.drop()
}

// begin says that something is about to be written, unless the box is closed.
func (b *Box) begin() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return ErrClosed
	}
	b.adding.Add(1)
	return nil
}

// Totals are the numbers of all messages and of the unread ones.
func (b *Box) Totals() (all, unread int) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return len(b.entries), b.unread
}

// Find lists the messages that match, newest first, from start, at most limit (0: all of them), and how many match.
func (b *Box) Find(q Query, start, limit int) (found []Summary, matching int) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	found = []Summary{}
	for _, e := range slices.Backward(b.entries) {
		if !q.matches(e) {
			continue
		}
		if matching >= start && (limit <= 0 || len(found) < limit) {
			found = append(found, e.Summary)
		}
		matching++
	}
	return found, matching
}

// Get gives a message; the id "latest" is the newest.
func (b *Box) Get(id string) (*Message, error) {
	e, raw, err := b.get(id)
	if err != nil {
		return nil, err
	}
	m := parse(raw)
	m.ID, m.ReturnPath, m.Received, m.Size = e.ID, e.EnvelopeFrom, e.Created, e.Size
	m.Bcc = blindCopies(m.summary(), e.EnvelopeTo)
	if m.Date.IsZero() {
		m.Date = e.Created
	}
	return m, nil
}

// Raw gives the bytes of a message as they came, below the Return-Path that final delivery adds (RFC 5321 section 4.4).
func (b *Box) Raw(id string) ([]byte, error) {
	e, raw, err := b.get(id)
	if err != nil {
		return nil, err
	}
	return append([]byte("Return-Path: <"+e.EnvelopeFrom+">\r\n"), raw...), nil
}

func (b *Box) get(id string) (entry, []byte, error) {
	b.mu.RLock()
	e := b.byID[id]
	if id == "latest" && len(b.entries) > 0 {
		e = b.entries[len(b.entries)-1]
	}
	if e == nil {
		b.mu.RUnlock()
		return entry{}, nil, ErrNotFound
	}
	copied := *e
	b.mu.RUnlock()
	raw, err := b.journal.raw(copied.at)
	if err != nil && b.gone(copied.ID) {
		err = ErrNotFound
	}
	return copied, raw, err
}

func (b *Box) gone(id string) bool {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.byID[id] == nil
}

// close lets what is being kept finish.
func (b *Box) close() error {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return nil
	}
	b.closed = true
	b.mu.Unlock()
	b.adding.Wait()
	return b.journal.close()
}
