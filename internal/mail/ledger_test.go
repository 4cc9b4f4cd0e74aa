package mail

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"sync"
	"time"

	"toasoan/newsroom"
)

// memory is a Ledger in memory that keeps every promise of the interface, and looks for broken ones.
type memory struct {
	mu       sync.Mutex
	issues   map[string]*IssueCopy
	status   map[string]string
	leases   map[string]int64
	rows     map[string]*memoryRow // by issue/subscriber, or letter id
	gone     map[string]bool       // subscribers who have left
	trouble  func(op string) error // nil: none
	commits  int
	widest   int // rows of the largest commit
	places   map[string]time.Time
	slowed   map[string]slowedPace
	seats    map[string]memorySeat
	seekers  map[[2]string]memorySeeker
	limits   newsroom.MailLimits
	ahead    time.Duration // of this ledger's clock
	dotted   []string      // rows in the order in which their dots were granted
	problems []string
}

type memoryRow struct {
	issue, subscriber, letter string
	chunk                     int
	r                         newsroom.Recipient
	view                      newsroom.LetterView
	state                     newsroom.DeliveryState
	lease                     int64
	attempt                   int
	resent                    bool
	dotAt                     time.Time
	next                      *time.Time
	hash                      []byte
	last                      Entry
	suppressed                bool
	cameBack                  bool // an earlier copy of it
}

func newMemory() *memory {
	return &memory{
		issues: map[string]*IssueCopy{}, status: map[string]string{}, leases: map[string]int64{}, rows: map[string]*memoryRow{},
		gone: map[string]bool{}, places: map[string]time.Time{}, slowed: map[string]slowedPace{}, seats: map[string]memorySeat{}, seekers: map[[2]string]memorySeeker{},
	}
}

// fill adds an issue with n recipients in chunks of size.
func (m *memory) fill(master *Master, n, size int) {
	id := master.frozen.Issue.ID
	frozen := master.frozen
	m.issues[id], m.status[id] = &frozen, "sending"
	for i := range n {
		r := sampleRecipient()
		r.SubscriberID = fmt.Sprintf("s%06d", i)
		r.Name, r.Email = fmt.Sprintf("Bạn đọc %d", i), fmt.Sprintf("r%06d@example.org", i)
		r.MessageID = fmt.Sprintf("d.%s.%06d", id, i)
		r.VERP = fmt.Sprintf("v%06d", i)
		r.LeaveURL = fmt.Sprintf("https://vankhe.example/huy/%043d", i)
		r.PrefsURL = fmt.Sprintf("https://vankhe.example/tuy-chon/%043d", i)
		m.rows[id+"/"+r.SubscriberID] = &memoryRow{issue: id, subscriber: r.SubscriberID, chunk: i / size, r: r, state: newsroom.DeliveryPending}
	}
}

func (m *memory) letter(v newsroom.LetterView) {
	m.rows[v.ID] = &memoryRow{letter: v.ID, view: v, state: newsroom.DeliveryPending}
}

func (m *memory) fails(op string) error {
	if m.trouble == nil {
		return nil
	}
	return m.trouble(op)
}

func (m *memory) Issue(_ context.Context, id string) (IssueCopy, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if c, ok := m.issues[id]; ok {
		return *c, nil
	}
	return IssueCopy{}, newsroom.ErrNotFound
}

func (m *memory) LeaseChunk(_ context.Context, id string, chunk int, _ time.Time, resendAfter time.Duration) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.fails("lease"); err != nil {
		return 0, err
	}
	key := fmt.Sprintf("%s#%d", id, chunk)
	m.leases[key]++
	for _, r := range m.rows {
		if r.issue == id && r.chunk == chunk && r.state == newsroom.DeliveryDot {
			r.doubt(resendAfter)
		}
	}
	return m.leases[key], nil
}

func (r *memoryRow) doubt(resendAfter time.Duration) {
	r.attempt++
	r.next = nil
	if r.resent {
		r.state = newsroom.DeliveryResent
		return
	}
	r.state = newsroom.DeliveryInDoubt
	if resendAfter > 0 {
		r.next = new(r.dotAt.Add(resendAfter))
	}
}

func (m *memory) Claim(_ context.Context, id string, chunk int, lease int64, limit int, now time.Time) ([]newsroom.Recipient, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.fails("claim"); err != nil {
		return nil, err
	}
	if m.leases[fmt.Sprintf("%s#%d", id, chunk)] != lease || m.status[id] == "paused" {
		return nil, nil
	}
	var list []newsroom.Recipient
	for _, r := range m.sorted() {
		due := r.next != nil && !r.next.After(now)
		switch {
		case r.issue != id || r.chunk != chunk:
			continue
		case r.state == newsroom.DeliveryPending, r.state == newsroom.DeliveryClaimed && r.lease < lease:
		case r.state == newsroom.DeliverySoft && due:
		case r.state == newsroom.DeliveryInDoubt && due:
			r.resent = true
		default:
			continue
		}
		if m.status[id] == "aborted" {
			r.state = newsroom.DeliveryCancelled
			continue
		}
		if m.gone[r.subscriber] {
			r.state = newsroom.DeliverySuppressed
			continue
		}
		r.state, r.lease, r.r.Attempt, r.r.Code = newsroom.DeliveryClaimed, lease, r.attempt, r.last.Code
		if list = append(list, r.r); len(list) == limit {
			break
		}
	}
	return list, nil
}

func (m *memory) sorted() []*memoryRow {
	list := make([]*memoryRow, 0, len(m.rows))
	for _, r := range m.rows {
		list = append(list, r)
	}
	slices.SortFunc(list, func(a, b *memoryRow) int { return cmp.Compare(a.subscriber, b.subscriber) })
	return list
}

func (m *memory) Chunk(_ context.Context, id string, chunk int) (c newsroom.IssueCounts, next *time.Time, status string, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.rows {
		if r.issue != id || r.chunk != chunk {
			continue
		}
		c.Candidates++
		switch r.state {
		case newsroom.DeliverySent, newsroom.DeliveryResent:
			c.Sent++
		case newsroom.DeliveryHard:
			c.Hard++
		case newsroom.DeliveryExpired:
			c.Expired++
		case newsroom.DeliverySuppressed:
			c.Suppressed++
		case newsroom.DeliveryCancelled:
			c.Cancelled++
		case newsroom.DeliveryInDoubt:
			c.InDoubt++
		default:
			c.Waiting++
		}
		if r.next != nil && (next == nil || r.next.Before(*next)) {
			next = r.next
		}
	}
	return c, next, m.status[id], nil
}

func (m *memory) LeaseLetter(_ context.Context, id string, now time.Time, resendAfter time.Duration) (LetterLease, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.rows[id]
	if !ok {
		return LetterLease{}, newsroom.ErrNotFound
	}
	r.lease++
	due := r.next != nil && !r.next.After(now)
	switch {
	case r.state == newsroom.DeliveryDot:
		r.doubt(resendAfter)
	case r.state == newsroom.DeliveryPending, r.state == newsroom.DeliveryClaimed, r.state == newsroom.DeliverySoft && due:
		r.state = newsroom.DeliveryClaimed
	case r.state == newsroom.DeliveryInDoubt && due:
		r.state, r.resent = newsroom.DeliveryClaimed, true
	}
	return LetterLease{View: r.view, Lease: r.lease, Attempt: r.attempt, Code: r.last.Code, State: r.state, Next: r.next}, nil
}

func (m *memory) Doubts(_ context.Context, id string, chunk int) (list []Doubt, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.sorted() {
		if r.issue == id && r.chunk == chunk && r.state == newsroom.DeliveryInDoubt && r.next != nil {
			d := Doubt{IssueID: id, SubscriberID: r.subscriber, MessageID: r.r.MessageID, At: r.dotAt, Due: *r.next}
			if r.cameBack {
				d.MessageID = ""
			}
			list = append(list, d)
		}
	}
	return list, m.fails("doubts")
}

func (m *memory) LetterDoubts(_ context.Context, id string) ([]Doubt, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.rows[id]
	if r == nil || r.state != newsroom.DeliveryInDoubt || r.next == nil {
		return nil, m.fails("doubts")
	}
	return []Doubt{{LetterID: id, MessageID: r.view.MessageID, At: r.dotAt, Due: *r.next}}, m.fails("doubts")
}

func (m *memory) Resolve(_ context.Context, d Doubt, _ time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.row(Entry{IssueID: d.IssueID, SubscriberID: d.SubscriberID, LetterID: d.LetterID})
	if r == nil || r.state != newsroom.DeliveryInDoubt || r.next == nil || r.resent && d.Reply == "" {
		return m.fails("resolve")
	}
	r.next = nil
	if d.Reply != "" {
		r.state, r.last = newsroom.DeliverySent, Entry{State: newsroom.DeliverySent, Reply: d.Reply}
	}
	return m.fails("resolve")
}

func (m *memory) Commit(_ context.Context, entries []Entry) ([]newsroom.DeliveryState, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.fails("commit"); err != nil {
		return nil, err
	}
	m.commits++
	m.widest = max(m.widest, len(entries))
	states := make([]newsroom.DeliveryState, len(entries))
	for i, e := range entries {
		if e.State != newsroom.DeliveryDot {
			states[i] = m.result(e)
		}
	}
	for i, e := range entries {
		if e.State == newsroom.DeliveryDot {
			states[i] = m.dot(e)
		}
	}
	return states, nil
}

func (m *memory) row(e Entry) *memoryRow {
	if e.LetterID != "" {
		return m.rows[e.LetterID]
	}
	return m.rows[e.IssueID+"/"+e.SubscriberID]
}

func (m *memory) result(e Entry) newsroom.DeliveryState {
	r := m.row(e)
	if r == nil || r.lease != e.Lease {
		return ""
	}
	late := r.state == newsroom.DeliveryInDoubt && r.next != nil && !r.resent && (e.State == newsroom.DeliverySent || e.Stage == string(StageDot) && e.State != newsroom.DeliveryInDoubt)
	switch {
	case late: // the next lease has doubted it meanwhile
		r.attempt--
	case r.state != newsroom.DeliveryClaimed && r.state != newsroom.DeliveryDot:
		return r.state // a repeat
	}
	if r.state == newsroom.DeliveryClaimed && (e.State == newsroom.DeliverySent || e.State == newsroom.DeliveryInDoubt) {
		m.problems = append(m.problems, fmt.Sprintf("%s of %s without a dot", e.State, e.SubscriberID+e.LetterID))
	}
	r.state, r.next, r.last = e.State, e.Next, e
	switch e.State {
	case newsroom.DeliverySoft:
		r.attempt++
	case newsroom.DeliveryInDoubt:
		r.attempt++
		if r.resent {
			r.state, r.next = newsroom.DeliveryResent, nil
		}
	case newsroom.DeliverySent:
		if r.resent {
			r.state = newsroom.DeliveryResent
		}
	case newsroom.DeliveryHard:
		r.suppressed = e.Suppress
	}
	return r.state
}

func (m *memory) dot(e Entry) newsroom.DeliveryState {
	r := m.row(e)
	switch {
	case r == nil || r.lease != e.Lease:
		return ""
	case r.state == newsroom.DeliveryDot:
		return r.state
	case r.state != newsroom.DeliveryClaimed:
		m.problems = append(m.problems, fmt.Sprintf("dot for a row that is %s", r.state))
		return ""
	case r.issue != "" && m.leases[fmt.Sprintf("%s#%d", r.issue, r.chunk)] != e.Lease:
		return ""
	case m.gone[r.subscriber]:
		r.state = newsroom.DeliverySuppressed
	case m.status[r.issue] == "aborted":
		r.state = newsroom.DeliveryCancelled
	case m.status[r.issue] == "paused":
		r.state = newsroom.DeliveryPending
	default:
		r.state, r.dotAt, r.hash = newsroom.DeliveryDot, e.At, e.BodyHash
		m.dotted = append(m.dotted, e.SubscriberID+e.LetterID)
	}
	return r.state
}

func (m *memory) LeasePlaces(_ context.Context, key string, n int, gap, lead time.Duration) (first, now time.Time, taken bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now = time.Now().Add(m.ahead)
	first = m.places[key]
	if first.After(now.Add(time.Second)) {
		return first, now, false, m.fails("places")
	}
	if earliest := now.Add(lead); first.Before(earliest) {
		first = earliest
	}
	m.places[key] = first.Add(time.Duration(n) * gap)
	return first, now, true, m.fails("places")
}

func (m *memory) Paces(_ context.Context, ease time.Duration) (newsroom.MailLimits, map[string]float64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	slowed := map[string]float64{}
	for key, s := range m.slowed {
		if rate := s.rate(ease); rate < s.from {
			slowed[key] = rate
		}
	}
	return m.limits, slowed, m.fails("paces")
}

// slowedPace is a pace that was asked to slow down.
type slowedPace struct {
	from, to float64
	at       time.Time
}

func (s slowedPace) rate(ease time.Duration) float64 {
	return s.to * math.Pow(1.1, math.Floor(float64(time.Since(s.at))/float64(ease)))
}

func (m *memory) SlowDown(_ context.Context, key string, from float64, _ time.Duration) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.slowed[key] = slowedPace{from, max(from/2, 1), time.Now()}
	return m.fails("slow")
}

func (m *memory) SeekSeats(_ context.Context, holder string, wants map[string]int, life time.Duration) (map[string]map[string]int, time.Time, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now, all := time.Now(), map[string]map[string]int{}
	maps.DeleteFunc(m.seekers, func(at [2]string, s memorySeeker) bool { return at[1] == holder || s.until.Before(now) })
	for key, want := range wants {
		m.seekers[[2]string{key, holder}] = memorySeeker{want, now.Add(life)}
		all[key] = map[string]int{}
	}
	for at, s := range m.seekers {
		if all[at[0]] != nil {
			all[at[0]][at[1]] = s.want
		}
	}
	return all, now, m.fails("seats")
}

type memorySeeker struct {
	want  int
	until time.Time
}

func (m *memory) TakeSeats(_ context.Context, key, holder string, most, want int, life time.Duration) (list []int, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for n := 1; n <= most && len(list) < want; n++ {
		at := fmt.Sprintf("%s#%d", key, n)
		if s := m.seats[at]; time.Now().After(s.until) {
			m.seats[at] = memorySeat{holder, time.Now().Add(life)}
			list = append(list, n)
		}
	}
	return list, m.fails("seats")
}

type memorySeat struct {
	holder string
	until  time.Time
}

func (m *memory) KeepSeats(_ context.Context, holder string, seats map[string][]int, life time.Duration) (map[string][]int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	before, kept := maps.Clone(m.seats), map[string][]int{}
	maps.DeleteFunc(m.seats, func(_ string, s memorySeat) bool { return s.holder == holder })
	for key, list := range seats {
		for _, n := range list {
			at := fmt.Sprintf("%s#%d", key, n)
			if before[at].holder == holder {
				m.seats[at] = memorySeat{holder, time.Now().Add(life)}
				kept[key] = append(kept[key], n)
			}
		}
	}
	return kept, m.fails("seats")
}

func (m *memory) set(do func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	do()
}

func (m *memory) state(key string) newsroom.DeliveryState {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.rows[key].state
}
