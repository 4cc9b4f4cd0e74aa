package newsroom

import "strings"

// GuardCell keeps a spreadsheet from taking what a stranger typed for a formula: with an apostrophe before it. OpenCell takes that
// away again.
func GuardCell(value string) string {
	if formula(value) {
		return "'" + value
	}
	return value
}

// OpenCell is the value that GuardCell has written.
func OpenCell(cell string) string {
	if value, guarded := strings.CutPrefix(cell, "'"); guarded && formula(value) {
		return value
	}
	return cell
}

// formula says whether a spreadsheet may take value for a formula, behind as many apostrophes as there are.
func formula(value string) bool {
	bare := strings.TrimLeft(value, "'")
	return bare != "" && strings.ContainsRune("=+-@\t\r", rune(bare[0]))
}
