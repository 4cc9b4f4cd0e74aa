package store

import (
	"slices"

	"toasoan/internal/text"
	"toasoan/newsroom"
)

// blocking names the checks among codes that have findings in c, each once.
func blocking(c newsroom.Content, codes []string) []string {
	var found []string
	for _, f := range text.Check(document(c)) {
		if slices.Contains(codes, f.Code) && !slices.Contains(found, f.Code) {
			found = append(found, f.Code)
		}
	}
	return found
}

// document is what the checks read of a content.
func document(c newsroom.Content) text.Document {
	doc := text.Document{Title: c.Title, Lead: c.Lead, Body: c.Body}
	for _, credit := range c.Credits {
		doc.Credits = append(doc.Credits, credit.Name)
	}
	return doc
}
