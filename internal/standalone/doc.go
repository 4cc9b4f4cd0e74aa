// Package standalone provides the servers that nobody configured: a private PostgreSQL cluster, NATS with JetStream
// in this process, a Temporal server as a child, and a mailbox that catches every mail.
// Its rule: whatever it acknowledged is on disk, nothing it starts is open to another user or machine, and the next
// start cleans up after a kill -9 without ever touching a process that is not ours.
// Read stack.go first; child.go says how children live and die.
package standalone
