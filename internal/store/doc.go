// Package store keeps everything in Postgres, the only truth: one file per noun, each SQL constant above the method that
// runs it. Every change of an article goes through one transaction under the article's row lock, with its audit row.
// Read move.go first.
package store
