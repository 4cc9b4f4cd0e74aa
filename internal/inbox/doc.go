// Package inbox reads the mailbox to which answers and bounces come and hands each mail to whoever deals with it. Its rule is that a
// mail leaves the mailbox, or is marked as read, only after the handler has committed what it means: whatever dies in between, the
// mail is handed in again. Read reader.go first.
package inbox
