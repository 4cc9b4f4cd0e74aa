package workflows

// Versions in flight: each GetVersion change id with its date and the date on which it may go (when no run from before it is
// open any more). A change to the order of commands without an entry here breaks the replay tests of testdata/histories; the
// histories of the former order, *.until_<date>, go with the entry.
const (
	// changeEagerLooks (2026-11-22): a publication looks from outside sooner and more often. May go on 2026-12-22: a
	// publication is confirmed within minutes, or its operator was told.
	changeEagerLooks = "eager-looks"
	// changeNarrowWindow (2026-11-22): a delivery has half as many chunks on their way. May go on 2027-02-22: an issue may be
	// paused for weeks.
	changeNarrowWindow = "narrow-window"
	// changeShortRuns (2026-11-23): a delivery continues as new by the length of its history, in the middle of a pass too. May go on
	// 2027-02-23, as changeNarrowWindow.
	changeShortRuns = "short-runs"
	// changeRests (2026-11-23): a delivery rests when a step brought nothing. May go on 2027-02-23, as changeNarrowWindow.
	changeRests = "rests"
)
