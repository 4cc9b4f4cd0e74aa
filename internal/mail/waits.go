package mail

import "time"

// Waits are all the times the courier waits for anything, so that one scale shortens them together in a fault drill.
type Waits struct {
	Limits     Limits
	Retry      Retry
	Quarantine time.Duration // before a doubtful mail is sent once more; longer than any wait for a dot
	Guard      time.Duration // between the permission for a dot and the dot: later it is not sent any more
	Budget     time.Duration // of one SendChunk; it yields then
	Idle       time.Duration // a connection without work is closed
	Hold       time.Duration // a result waits this long for the next commit
	Commit     time.Duration // one commit of the ledger
	Flush      time.Duration // for the last results when the work is stopped
	Again      time.Duration // before a failed commit or dial is repeated, doubled each time
	AgainMost  time.Duration
	Away       time.Duration // a relay that nobody reaches for longer is put before the operator
	Beat       time.Duration // heartbeats
	Ease       time.Duration // after slowing down, before the rate rises by a tenth
	Follow     time.Duration // a changed setting is followed this soon; seats at the relay are renewed as often
	Seat       time.Duration // a seat that is not renewed lapses
}

// DefaultWaits are those of mail.md (c).
func DefaultWaits() Waits {
	return Waits{
		Limits: DefaultLimits, Retry: DefaultRetry, Quarantine: 15 * time.Minute, Guard: 30 * time.Second,
		Budget: 10 * time.Minute, Idle: time.Minute, Hold: 250 * time.Millisecond, Commit: 15 * time.Second,
		Flush: 30 * time.Second, Again: 250 * time.Millisecond, AgainMost: 30 * time.Second, Away: 5 * time.Minute, Beat: 5 * time.Second, Ease: time.Minute,
		Follow: time.Second, Seat: 10 * time.Second,
	}
}

// Scaled divides every wait by scale; 1 or less changes nothing.
func (w Waits) Scaled(scale float64) Waits {
	if scale <= 1 {
		return w
	}
	shorten := func(d time.Duration) time.Duration { return max(time.Duration(float64(d)/scale), time.Millisecond) }
	for _, d := range []*time.Duration{
		&w.Limits.Dial, &w.Limits.Command, &w.Limits.Body, &w.Limits.Dot, &w.Limits.Grace, &w.Retry.Stop, &w.Quarantine, &w.Guard,
		&w.Budget, &w.Idle, &w.Hold, &w.Flush, &w.Again, &w.AgainMost, &w.Away, &w.Beat, &w.Ease,
	} {
		*d = shorten(*d)
	}
	// Below these a machine that is merely busy would look like one that has died.
	w.Follow, w.Seat, w.Commit = max(shorten(w.Follow), 100*time.Millisecond), max(shorten(w.Seat), time.Second), max(shorten(w.Commit), 2*time.Second)
	waits := make([]time.Duration, len(w.Retry.Waits))
	for i, d := range w.Retry.Waits {
		waits[i] = shorten(d)
	}
	w.Retry.Waits = waits
	return w
}
