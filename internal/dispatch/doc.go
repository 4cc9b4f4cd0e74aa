// Package dispatch is the typed client of the workflows: it records moves, sends Updates, starts runs and schedules, and turns
// what Temporal answers into newsroom errors. Nothing else talks to Temporal's client. Read move.go first.
package dispatch
