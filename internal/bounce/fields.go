package bounce

import (
	"regexp"
	"strconv"
	"strings"

	"toasoan/internal/text"
)

// fields is one group of "Name: value" lines, by lower-case name; the first of a name counts.
type fields map[string]string

// Limits of what a stranger's report may hold.
const (
	maxGroups = 100
	maxValue  = 4000
)

// readFields reads groups of fields with empty lines between them, as forgivingly as their writers are careless: folded lines are
// joined, what is no field is passed over.
func readFields(body []byte) (groups []fields) {
	current, last := fields{}, ""
	for line := range strings.SplitSeq(strings.ReplaceAll(string(body), "\r\n", "\n"), "\n") {
		line = strings.TrimRight(line, "\r \t")
		if line == "" {
			if len(current) > 0 {
				if groups = append(groups, current); len(groups) == maxGroups {
					return groups
				}
			}
			current, last = fields{}, ""
			continue
		}
		if line[0] == ' ' || line[0] == '\t' {
			if value := current[last]; last != "" && len(value)+len(line) < maxValue {
				current[last] = value + " " + strings.TrimSpace(line)
			}
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		name = strings.ToLower(strings.TrimSpace(name))
		if !ok || name == "" || strings.ContainsAny(name, " \t") {
			last = ""
			continue
		}
		if last = name; current[name] == "" && len(value) < maxValue {
			current[name] = strings.TrimSpace(value)
		}
	}
	if len(current) > 0 {
		groups = append(groups, current)
	}
	return groups
}

// recipient reports whether a group is about one.
func (f fields) recipient() bool {
	return f["final-recipient"] != "" || f["original-recipient"] != "" || f["action"] != "" || f["status"] != ""
}

// typed is a field of the form "type; value".
func (f fields) typed(name string) string {
	kind, value, ok := strings.Cut(f[name], ";")
	if !ok {
		return strings.TrimSpace(kind)
	}
	return strings.TrimSpace(value)
}

// address is whom a group is about, "" unsaid.
func (f fields) address() string {
	for _, name := range []string{"final-recipient", "original-recipient"} {
		if a := strings.Trim(f.typed(name), "<> "); strings.Contains(a, "@") {
			return a
		}
	}
	return ""
}

var (
	aStatus  = regexp.MustCompile(`(?:^|[^\d.])([245]\.[0-7]\.\d{1,3})(?:\.?(?:[^\d.]|$))`)
	aCode    = regexp.MustCompile(`(?:^|[^\d.])([45][0235]\d)(?:[ -]|$)`)
	anyone   = regexp.MustCompile(`<?[^\s<>"';,()]+@[^\s<>"';,()]+>?`)
	inFront  = regexp.MustCompile(`^[45]\d\d[ -]([45]\.\d{1,3}\.\d{1,3}\s*)?`)                               // code and status, which are kept beside the words
	repeated = regexp.MustCompile(`\s[45]\d\d(?:-(?:[45]\.\d{1,3}\.\d{1,3} )?|\s[45]\.\d{1,3}\.\d{1,3}\s+)`) // in front of each line of a long reply
)

// statusIn finds a status of RFC 3463 in words, "" none.
func statusIn(words string) string {
	if m := aStatus.FindStringSubmatch(words); m != nil {
		return m[1]
	}
	return ""
}

// codeIn finds a reply code of SMTP in words, 0 none.
func codeIn(words string) int {
	m := aCode.FindStringSubmatch(words)
	if m == nil {
		return 0
	}
	n, _ := strconv.Atoi(m[1]) // three digits
	return n
}

// clean keeps what may be kept of a server's words: one line without the code in front and without addresses, cut.
func clean(words string) string {
	words = inFront.ReplaceAllString(text.Line(repeated.ReplaceAllString(" "+words, " ")), "")
	words = anyone.ReplaceAllString(words, "<…>")
	if said := []rune(words); len(said) > 300 {
		words = string(said[:299]) + "…"
	}
	return words
}
