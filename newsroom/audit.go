package newsroom

import "time"

// AuditRoot is the newest row of the audit chain at the end of a local day.
type AuditRoot struct {
	Day    Date
	LastID int64
	Hash   string // hex
	At     time.Time
}
