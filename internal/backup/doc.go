// Package backup is the file that `toasoan backup` writes: a tar of named files in parts, compressed with zstd, encrypted with a
// passphrase (age-encryption.org/v1), closed by a manifest. Its rule is that nothing is in the clear on any disk, and
// that nothing is used of a file which was not read to its end and found whole. Read archive.go first.
package backup
