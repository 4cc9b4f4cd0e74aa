package newsroom

import (
	"slices"
	"strings"
	"time"
)

// importDays are the layouts of a day of consent: of people, and of our own exports in either language.
var importDays = []string{time.DateOnly, "02/01/2006", time.RFC3339, "02/01/2006 15:04", "02 Jan 2006 15:04"}

// firstConsent is before which nobody can have agreed to mail: Viet Nam has the Internet since November 1997.
var firstConsent = time.Date(1997, 1, 1, 0, 0, 0, 0, Zone)

// importRow reads a line by its columns; wrong is "" or the code of what is wrong with it.
func importRow(get func(string) string, rules ImportRules) (row ImportRow, wrong string) {
	row = ImportRow{Email: get("email"), Name: get("name")}
	if wrong = importState(get); wrong != "" {
		return row, wrong
	}
	if row.Lists, wrong = importLists(get, rules); wrong != "" {
		return row, wrong
	}
	row.ConsentAt, wrong = importConsent(get, rules.Now)
	return row, wrong
}

// importState refuses whom an export does not call a confirmed subscriber who gets mail: the list proves no consent of theirs.
func importState(get func(string) string) (wrong string) {
	switch state := SubscriberState(strings.ToLower(get("state"))); state {
	case "", SubscriberConfirmed:
	case SubscriberRequested, SubscriberLeft:
		return "state_" + string(state)
	default:
		return "state"
	}
	if get("blocked") != "" {
		return "blocked"
	}
	return ""
}

// ListsCell is the column lists of an export: section:cadence of each, separated by spaces.
func ListsCell(lists []Subscription) string {
	cells := make([]string, len(lists))
	for i, l := range lists {
		cells[i] = l.Section + ":" + string(l.Cadence)
	}
	return strings.Join(cells, " ")
}

// importLists reads what somebody gets: section:cadence where an export says it, else sections that share a cadence.
func importLists(get func(string) string, rules ImportRules) (lists []Subscription, wrong string) {
	add := func(name string, cadence Cadence) (wrong string) {
		id, known := rules.Sections[strings.ToLower(strings.TrimSpace(name))]
		switch {
		case !known:
			return "section"
		case !slices.Contains(Cadences, cadence):
			return "cadence"
		case !slices.ContainsFunc(lists, func(l Subscription) bool { return l.Section == id }):
			lists = append(lists, Subscription{Section: id, Cadence: cadence})
		}
		return ""
	}
	for one := range strings.FieldsSeq(get("lists")) {
		section, cadence, _ := strings.Cut(one, ":")
		if wrong := add(section, Cadence(strings.ToLower(cadence))); wrong != "" {
			return nil, wrong
		}
	}
	if len(lists) > 0 {
		return lists, ""
	}
	cadence := Cadence(strings.ToLower(get("cadence")))
	if cadence == "" {
		cadence = CadenceInstant
	}
	for name := range strings.FieldsFuncSeq(get("sections"), func(r rune) bool { return r == '|' || r == ';' }) {
		if wrong := add(name, cadence); wrong != "" {
			return nil, wrong
		}
	}
	if len(lists) > 0 {
		return lists, ""
	}
	for _, id := range rules.Fallback {
		if wrong := add(id, cadence); wrong != "" {
			return nil, wrong
		}
	}
	if len(lists) == 0 {
		return nil, "section"
	}
	return lists, ""
}

// importConsent reads the day of consent; nil where the list gives none.
func importConsent(get func(string) string, now time.Time) (at *time.Time, wrong string) {
	said := get("consent_at")
	if said == "" {
		said = get("confirmed_at")
	}
	if said == "" {
		return nil, ""
	}
	for _, layout := range importDays {
		day, err := time.ParseInLocation(layout, said, Zone)
		switch {
		case err != nil:
		case day.After(now):
			return nil, "consent_future"
		case day.Before(firstConsent):
			return nil, "consent_early"
		default:
			return &day, ""
		}
	}
	return nil, "consent_at"
}
