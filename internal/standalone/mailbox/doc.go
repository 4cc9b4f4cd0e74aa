// Package mailbox catches every mail of an installation that has no relay: an SMTP receiver that keeps raw messages in
// files, a page on which people read them, and Mailpit's read API for programs.
// Its rule: a message is on disk before its sender hears 250, and no byte of a message is ever trusted, since anyone on
// the machine can send one.
// Read mailbox.go first; journal.go says how messages are kept, parse.go how far a hostile one gets.
package mailbox
