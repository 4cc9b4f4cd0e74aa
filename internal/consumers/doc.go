// Package consumers acts on events: one file per durable consumer of NATS, named as the durable is.
// Its rule: the effect, the note that the event was handled and the receipt are one transaction, so that a repeat finds the
// note and only announces the receipt again. Read feeds.go first.
package consumers
