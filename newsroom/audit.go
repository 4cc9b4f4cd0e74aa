package newsroom

import "time"

// AuditRoot is the newest row of the audit chain at the end of a local day.
type AuditRoot struct {
	Day    Date
	LastID int64
	Hash   string // hex
	At     time.Time
}

// AuditPoint is a place in the audit chain: what a daily root names, and what a check ends at.
type AuditPoint struct {
	ID   int64
	Hash []byte
}

// AuditFormat is a form of an export of the audit chain.
type AuditFormat string

const (
	AuditJSONL AuditFormat = "jsonl" // one JSON object a line
	AuditCSV   AuditFormat = "csv"   // for a spreadsheet: UTF-8 with a byte order mark, CRLF
)
