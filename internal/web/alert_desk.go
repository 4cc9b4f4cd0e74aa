package web

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"toasoan/newsroom"
)

// alertField is one thing that an alert says of itself.
type alertField struct {
	Name, Value, URL string
}

// alertWords are the codes that stand in alerts, and where their words are: a value of "why" is "issue.why_<value>".
var alertWords = map[string]string{
	"why": "issue.why_", "state": "delivery.", "kind": "bounce.", "missing": "effect.", "code": "refused.", "stage": "smtp.",
}

// alertPages are the pages of what an alert is about.
var alertPages = map[string]string{
	"article_id": "/desk/articles/", "issue_id": "/desk/issues/", "inquiry_id": "/desk/inquiries/", "user_id": "/desk/admin/users/",
}

// alertFields says in words what an alert is about; what has no words of its own stands as it is.
func alertFields(l language, detail map[string]any) (list []alertField) {
	for _, name := range slices.Sorted(maps.Keys(detail)) {
		f := alertField{Name: name, Value: alertValue(l, name, detail[name])}
		if f.Value == "" {
			continue
		}
		if key := "detail." + name; l.Has(key) {
			f.Name = l.T(key)
		}
		if page, ok := alertPages[name]; ok {
			f.URL = page + f.Value
		}
		list = append(list, f)
	}
	return list
}

func alertValue(l language, name string, value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case string:
		if key := alertWords[name] + v; alertWords[name] != "" && l.Has(key) {
			return l.T(key)
		}
		if at, err := time.Parse(time.RFC3339, v); err == nil {
			return l.DateTime(at)
		}
		return v
	case float64:
		return l.Number(int64(v))
	case []any:
		words := make([]string, len(v))
		for i, one := range v {
			words[i] = alertValue(l, name, one)
		}
		return strings.Join(words, ", ")
	}
	raw, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	var counts newsroom.IssueCounts
	if name != "counts" || json.Unmarshal(raw, &counts) != nil {
		return string(raw)
	}
	var sum []string
	for _, t := range equation(l, counts) {
		sum = append(sum, strings.TrimSpace(t.Op+" "+t.Number+" "+t.Name))
	}
	return strings.Join(sum, " ")
}
