// Package events holds what is announced on NATS JetStream: one file per event type, flat wire structs that only grow,
// and the bus that publishes and consumes them. An event says that something happened and names it by ids and codes; it
// never carries a body, an address, a token or a person's words. Read article.go and bus.go first.
package events
