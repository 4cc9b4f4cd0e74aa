package mail

import (
	"embed"
	"fmt"
	"html/template"
	"path"
	"strings"
	"sync"
	texttemplate "text/template"

	"toasoan/internal/locale"
	"toasoan/internal/text"
	"toasoan/newsroom"
)

//go:embed templates
var files embed.FS

// bulkKinds are the kinds of issues; each has templates like a letter.
var bulkKinds = []string{"article", "correction", "digest"}

// letterKinds lists every letter that can be written.
var letterKinds = []newsroom.LetterKind{
	newsroom.LetterSubmitted, newsroom.LetterApproval, newsroom.LetterApprovalSoon, newsroom.LetterApprovalOverdue,
	newsroom.LetterReviewSoon, newsroom.LetterReviewOverdue, newsroom.LetterChanges, newsroom.LetterRejected,
	newsroom.LetterPublished, newsroom.LetterReceipt, newsroom.LetterSettled, newsroom.LetterSecondSign,
	newsroom.LetterNotMe, newsroom.LetterPINLocked, newsroom.LetterDeskLocked, newsroom.LetterPINInvite, newsroom.LetterAccountInvite,
	newsroom.LetterPasswordReset, newsroom.LetterConfirm, newsroom.LetterConfirmAgain, newsroom.LetterLeft,
	newsroom.LetterQuiet, newsroom.LetterToFriend, newsroom.LetterAuditRoot, newsroom.LetterReplyRefused,
}

// pair is one kind in one language: subject and text part in the one, HTML part in the other.
type pair struct {
	text *texttemplate.Template
	html *template.Template
}

// templates has every template, parsed when it is first used: a process that sends newsletters never needs most of them. A broken
// one stops the program at its first mail and every test of this package.
var templates = sync.OnceValue(func() map[string]func() pair {
	all := map[string]func() pair{}
	kinds := append([]string{}, bulkKinds...)
	for _, k := range letterKinds {
		kinds = append(kinds, string(k))
	}
	shared := texttemplate.Must(texttemplate.New("").Funcs(textFuncs).ParseFS(files, "templates/layout.txt"))
	layout := template.Must(template.New("").Funcs(htmlFuncs).ParseFS(files, "templates/layout.html"))
	for _, tag := range locale.Tags() {
		for _, kind := range kinds {
			name := path.Join("templates", tag, kind)
			all[tag+"/"+kind] = sync.OnceValue(func() pair {
				return pair{
					text: texttemplate.Must(texttemplate.Must(shared.Clone()).ParseFS(files, name+".txt")),
					html: template.Must(template.Must(layout.Clone()).ParseFS(files, name+".html")),
				}
			})
		}
	}
	return all
})

// page is what a template sees: a letterPage or an issuePage.
type page interface{ subject(s string) }

// rendered is one mail as words.
type rendered struct{ subject, text, html string }

func render(tag, kind string, data page) (rendered, error) {
	parsed, ok := templates()[tag+"/"+kind]
	if !ok {
		return rendered{}, fmt.Errorf("no template %s/%s", tag, kind)
	}
	t := parsed()
	var subject, plain, html strings.Builder
	if err := t.text.ExecuteTemplate(&subject, "subject", data); err != nil {
		return rendered{}, fmt.Errorf("render subject of %s/%s: %w", tag, kind, err)
	}
	out := rendered{subject: text.Excerpt(subject.String(), mostSubject)}
	data.subject(out.subject)
	if err := t.text.ExecuteTemplate(&plain, "layout", data); err != nil {
		return rendered{}, fmt.Errorf("render %s/%s.txt: %w", tag, kind, err)
	}
	if err := t.html.ExecuteTemplate(&html, "layout", data); err != nil {
		return rendered{}, fmt.Errorf("render %s/%s.html: %w", tag, kind, err)
	}
	out.text, out.html = tidy(plain.String(), 1), tidy(html.String(), 0)
	return out, nil
}

// tidy trims line ends, keeps at most empty empty lines in a row and ends every line as mail does.
func tidy(s string, empty int) string {
	var out strings.Builder
	out.Grow(len(s) + len(s)/20)
	gap := empty // nothing before the first line
	for line := range strings.Lines(s) {
		line = strings.TrimRight(line, " \t\r\n")
		if line == "" {
			gap++
			continue
		}
		if out.Len() > 0 {
			for range min(gap, empty) {
				out.WriteString("\r\n")
			}
		}
		out.WriteString(line)
		out.WriteString("\r\n")
		gap = 0
	}
	return out.String()
}

// fact is one labelled value; linked is a labelled address.
type (
	fact   struct{ Label, Value string }
	linked struct{ Label, URL string }
)

// facts pairs labels and values and leaves out those without a value.
func facts(pairs ...string) ([]fact, error) {
	if len(pairs)%2 != 0 {
		return nil, fmt.Errorf("facts: label without value")
	}
	var list []fact
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			list = append(list, fact{pairs[i], pairs[i+1]})
		}
	}
	return list, nil
}

func link(label, url string) linked { return linked{label, url} }

var textFuncs = texttemplate.FuncMap{
	"facts": facts,
	"link":  link,
	// quote marks somebody else's words, line by line.
	"quote": func(s string) string { return "> " + strings.ReplaceAll(s, "\n", "\n> ") },
}

var htmlFuncs = template.FuncMap{
	"facts": facts,
	"link":  link,
	"style": style,
	"tint":  tint,
	"mso":   mso,
	// lines keeps the line breaks of words that people wrote.
	"lines": func(s string) template.HTML {
		return template.HTML(strings.ReplaceAll(template.HTMLEscapeString(s), "\n", "<br>\n")) //nolint:gosec // escaped just now
	},
}
