// Package mail turns letters and newsletters into bytes and carries them to the relay, one recipient at a time. Its
// rule: a mail is composed whole before a connection sees it, and the relay gets the final dot only after the ledger has
// committed that it may, so that a crash leaves at most one doubtful copy per open connection and loses none.
// Read ledger.go first, then courier.go and lane.go for the protocol, conn.go for the conversation, master.go for the bytes.
package mail
