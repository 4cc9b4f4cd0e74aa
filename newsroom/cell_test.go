package newsroom

import "testing"

// What is guarded for a spreadsheet is read back as it was, whatever it was.
func TestGuardedCellsOpen(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"": "", "lan@example.vn": "lan@example.vn", "+plus@example.vn": "'+plus@example.vn", "=1+1": "'=1+1", "-": "'-", "@x": "'@x",
		"'+x@example.vn": "''+x@example.vn", "'Lan'": "'Lan'", "'": "'", "''=": "'''=",
	} {
		if got := GuardCell(value); got != want || OpenCell(got) != value {
			t.Errorf("%q is written as %q and read as %q", value, got, OpenCell(got))
		}
	}
}
