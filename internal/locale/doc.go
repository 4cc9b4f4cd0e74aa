// Package locale holds every word the product says, in Vietnamese (the default) and English, and writes dates and
// numbers the way each language does. Its rule: text/vi.json and text/en.json have the same keys and placeholders,
// sorted, one a line, and whoever needs a sentence adds it there under the prefix of its area; imports nothing of ours.
// Read locale.go first, then format.go.
package locale
