// Package bounce takes what comes back about mails: delivery reports (RFC 3464, and what servers write instead), complaints (RFC 5965)
// and mailed wishes to leave; from the mailbox, by SMTP or LMTP, and by HTTP. Its rule is that a report is believed only about the
// mail whose return path or Message-ID it knows, and acknowledged only after what it means is committed. Read parse.go first.
package bounce
