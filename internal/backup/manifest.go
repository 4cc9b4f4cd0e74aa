package backup

import (
	"errors"
	"time"
)

// format is what this program writes and reads; it only grows by another number.
const format = 1

// Names of the files in a backup.
const (
	Database = "database.pgdump" // pg_dump, custom format
	Keys     = "keys"            // of tokens and sealed secrets: without them mailed links are dead
	DKIM     = "dkim.pem"        // the key that signs mails, where one is configured
	manifest = "manifest.json"
)

// Manifest says what a backup holds.
type Manifest struct {
	Format   int              `json:"format"`
	Made     time.Time        `json:"made"` // of the moment that the backup shows
	Schema   int              `json:"schema"`
	Postgres int              `json:"postgres"` // major version that wrote the dump
	Counts   map[string]int64 `json:"counts"`   // rows by table
	Audit    AuditTip         `json:"audit"`
	Files    map[string]File  `json:"files"`
}

// AuditTip is the newest row of the audit chain, 0 none.
type AuditTip struct {
	ID   int64  `json:"id"`
	Hash string `json:"hash"` // hex
}

// File is one file's size in bytes and its SHA-256 in hex.
type File struct {
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// LeastPassphrase is how many bytes a passphrase has at least: the file leaves the house.
const LeastPassphrase = 12

// ErrPassphrase says that a file was not encrypted with this passphrase.
var ErrPassphrase = errors.New("the passphrase does not open this backup")

// ErrDamaged says that a file is no backup, or not the whole of one.
var ErrDamaged = errors.New("the backup is damaged or not whole")
