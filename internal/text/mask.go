package text

import "regexp"

var writtenAddress = regexp.MustCompile(`[^\s<>()\[\]"',;:@]+@[^\s<>()\[\]"',;:@]+`)

// MaskAddresses takes the mail addresses out of what somebody wrote.
func MaskAddresses(s string) string { return writtenAddress.ReplaceAllString(s, "(@)") }
