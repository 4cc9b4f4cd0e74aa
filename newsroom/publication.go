package newsroom

import "time"

// Publication is one public change of an article: n is the audit sequence of the change.
type Publication struct {
	ArticleID string
	N         int64
	Event     string // published, corrected, withdrawn, taken_down, restored, expired
	Revision  int
	Kind      ChangeKind
	At        time.Time
	Done      *time.Time // all receipts are in
}

// Effect names a side effect that a public change must have, and its receipt.
type Effect string

const (
	EffectPage     Effect = "page"     // the public page shows the new state, read from outside
	EffectFeeds    Effect = "feeds"    // RSS, Atom and JSON of site and section, read from outside
	EffectSitemap  Effect = "sitemap"  // the sitemap lists it, or no longer
	EffectCounters Effect = "counters" // the view counter started from zero
	EffectMail     Effect = "mail"     // the issue is opened (or stopped), N candidates
)

// Effects lists what a publication of event and kind must be confirmed by.
func Effects(event string, kind ChangeKind) []Effect {
	seen := []Effect{EffectPage, EffectFeeds, EffectSitemap}
	switch event {
	case "published":
		return append(seen, EffectCounters, EffectMail)
	case "corrected":
		if kind == ChangeCorrection {
			return append(seen, EffectMail)
		}
	case "withdrawn", "taken_down":
		return append(seen, EffectMail)
	}
	return seen
}

// Receipt is the proof of one effect of a publication.
type Receipt struct {
	Effect  Effect         `json:"effect"`
	At      *time.Time     `json:"at"`      // when the effect was done; nil: not yet
	Took    time.Duration  `json:"took"`    // from the release to At
	Checked *time.Time     `json:"checked"` // when it was seen from outside; nil: not (yet) checked
	Detail  map[string]any `json:"detail"`  // what was checked: hashes, counts; never an address
}
