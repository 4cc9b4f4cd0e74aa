// Package text cleans, compares and checks what people write: one-line fields, article bodies, Word files, addresses.
// Its rule: every cleaner is total, deterministic and idempotent, whatever bytes it is given, and imports nothing of ours.
// Read clean.go first for single strings, then html.go for the one canonical markup that every article body is kept in.
package text
