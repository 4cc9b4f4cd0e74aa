package store

import "toasoan/newsroom"

// blocking names the checks among codes that have findings in c.
func blocking(c newsroom.Content, codes []string) []string {
	return nil
}
