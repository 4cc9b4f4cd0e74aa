package newsroom

import "time"

// Restored says when a database was restored, from a backup of which moment, and what was held for a person since it may have gone out
// after that.
type Restored struct {
	BackupAt   time.Time `json:"backup_at"`
	RestoredAt time.Time `json:"restored_at"`
	Issues     int       `json:"issues"`   // newsletters that were not finished: paused
	Letters    int       `json:"letters"`  // letters of more than an hour ago: given up
	Digests    int       `json:"digests"`  // digests whose time was over: taken as made
	Doubts     int       `json:"in_doubt"` // mails whose answer had not come: in doubt for good
}
