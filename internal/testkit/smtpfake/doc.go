// Package smtpfake is an SMTP relay for tests, benchmarks and fault drills: it speaks the protocol byte by byte over
// net, keeps every message that it accepted, and does at any step whatever its script says.
// Its rule: a message is accepted exactly when the server decided so at the final dot (or BDAT LAST), whether or not
// the client ever saw the reply; so Accepted is the oracle against which a sender's own books are held.
// Read script.go first: Step is what the server is asked, Action what it answers.
package smtpfake
