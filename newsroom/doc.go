// Package newsroom is the domain: what an article is, the stages it passes, who may move it and when
// the clock runs. It decides and never acts: no clock of its own, no database, no network; it imports the
// standard library only. Read stage.go first: the table of moves is the product.
package newsroom
