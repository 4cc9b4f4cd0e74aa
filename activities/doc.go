// Package activities holds everything with an effect that a workflow asks for: settling moves in Postgres, announcing
// events, checking the portal from outside, sending mail. Each activity may be repeated at any moment, so each is idempotent
// by the ids it is given; inputs and results carry ids, codes and times only. Read desk.go first.
package activities
