// Package smtpfake is an SMTP relay for tests, benchmarks and fault drills: it speaks the protocol byte by byte over
// net, keeps every message that it accepted, and does at any step whatever its script says.
// Its rule: a message is accepted exactly when the server decided so at the final dot (or BDAT LAST), whether or not
// the client ever saw the reply; so Accepted is the oracle against which a sender's own books are held.
// Read script.go first: Step is what the server is asked, Action what it answers.
//
// # What it speaks
//
// EHLO and HELO, STARTTLS and TLS from the first byte with a certificate of its own (CertPool), AUTH PLAIN, MAIL, RCPT,
// DATA, BDAT, RSET, NOOP, QUIT; 8BITMIME, PIPELINING, CHUNKING, DSN, SMTPUTF8 and SIZE where Options offer them. Like a
// good relay it ends a message only at CR LF . CR LF, so that nothing can be smuggled past it, and answers pipelined
// commands together. It imports nothing of ours and can be used by any program that mails.
//
// # What it can do wrong
//
//	to find out                              script
//	a refusal at any stage                   At(RCPT, Reply(550, "5.1.1 no such user"))
//	the n-th only                            Nth(Dot, 7, Reply(451, "4.3.0 later"))
//	the relay that took it and never said so At(Dot, Action{Drop: DropBefore, Store: StoreAlways})
//	the relay that lies                      At(Dot, Action{Store: StoreNever})
//	a connection that ends, or is reset      Action{Drop: DropAfter}, with Abort: true
//	silence for ever (half-open)             Action{Hang: true}
//	a late banner, reply or dot              Action{Delay: 9*time.Minute + 50*time.Second}
//	a reply in single bytes                  Action{ByteDelay: time.Millisecond}
//	garbage, half a reply, two replies       Action{Raw: []byte("250-half\r\n")}
//	a body cut off after 700 bytes           At(Body, Action{CutAfter: 700})
//	a reader of one byte a second            At(Body, Action{PerByte: time.Second})
//	a relay that is away for a while         Server.Down, Server.Up
//
// A script is a function and may look at everything: recipient, number of the mail on its connection, number of open
// connections, how often a stage came, the whole message. Several clients may be connected at once.
//
// # What it tells
//
// Accepted (with envelope, parameters, bytes, time, connection), Await, Unfinished, Stages, Connections, and Violations:
// what a client did against RFC 5321, 2920, 3030 or 6152, from a bare LF to pipelining that was not offered. A test that
// ends with no violations has shown that its sender keeps the protocol.
package smtpfake
