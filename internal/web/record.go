package web

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"toasoan/internal/locale"
	"toasoan/newsroom"
)

// recordPage is the page "record": what is stored about one subscriber, to be read, printed and signed.
type recordPage struct {
	Back, BackText, JSON, CSV string // addresses of the page before and of the files
	Email, Name, State        string
	Source, Language          string
	Requested                 time.Time
	Confirmed, Left           *time.Time
	Blocked                   string
	Lists                     []recordList
	Consents                  []recordAct
	Mails                     []recordMail
	MoreMails                 int // that only the file has
	Bounces                   []bouncedView
	Inquiries                 []inquiryRow
}

type recordList struct {
	Name, Cadence string
	Since         time.Time
}

type recordAct struct {
	At                            time.Time
	What, How, Form, Words, About string // About: sections and the like
	IP                            string
}

type recordMail struct {
	At             time.Time
	Subject, State string
}

// recordMails is how many mails are printed; the data file has a thousand.
const recordMails = 50

// getSubscriberRecord handles GET /desk/subscribers/{id}/record: the record of consent on paper.
func (s *Server) getSubscriberRecord(w http.ResponseWriter, r *http.Request, _ newsroom.Person) error {
	data, err := s.Store.SubscriberData(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	if tag := r.URL.Query().Get("lang"); tag == "vi" || tag == "en" {
		setLang(r, locale.For(tag)) // the language of the person who gets it, not of who prints it
	}
	back := "/desk/subscribers/" + data.ID
	return s.record(w, r, data, recordPage{Back: back, BackText: s.lang(r).T("nav.subscribers"), JSON: back + "/data", CSV: back + "/record.csv"})
}

// getSubscriberRecordCSV handles GET /desk/subscribers/{id}/record.csv.
func (s *Server) getSubscriberRecordCSV(w http.ResponseWriter, r *http.Request, _ newsroom.Person) error {
	data, err := s.Store.SubscriberData(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	return s.recordCSV(w, r, data)
}

// getOwnRecord handles GET /tuy-chon/{token}/ho-so: the same for the person.
func (s *Server) getOwnRecord(w http.ResponseWriter, r *http.Request) error {
	data, err := s.Store.PersonalData(r.Context(), r.PathValue("token"))
	if errors.Is(err, newsroom.ErrNotFound) {
		return s.render(w, r, http.StatusGone, "preferences", preferencesPage{Dead: true})
	}
	if err != nil {
		return err
	}
	ownLang(r, data.Locale)
	back := "/tuy-chon/" + r.PathValue("token")
	return s.record(w, r, data, recordPage{Back: back, BackText: s.lang(r).T("action.manage_subscription"), JSON: back + "/du-lieu", CSV: back + "/ho-so.csv"})
}

// getOwnRecordCSV handles GET /tuy-chon/{token}/ho-so.csv.
func (s *Server) getOwnRecordCSV(w http.ResponseWriter, r *http.Request) error {
	data, err := s.Store.PersonalData(r.Context(), r.PathValue("token"))
	if err != nil {
		return err
	}
	ownLang(r, data.Locale)
	return s.recordCSV(w, r, data)
}

func (s *Server) record(w http.ResponseWriter, r *http.Request, data newsroom.PersonalData, page recordPage) error {
	o, err := s.lists(r)
	if err != nil {
		return err
	}
	l := o.l
	page.Email, page.Name, page.State = data.Email, data.Name, l.T("subscriber."+string(data.State))
	page.Source, page.Language = l.T("subs.source_"+data.Source), languageName(data.Locale)
	page.Requested, page.Confirmed, page.Left = data.RequestedAt, data.ConfirmedAt, data.LeftAt
	for _, one := range data.Lists {
		page.Lists = append(page.Lists, recordList{o.section(one.Section), l.T("cadence." + string(one.Cadence)), one.Since})
	}
	if page.Consents, err = s.recordActs(r, o, data.Consents); err != nil {
		return err
	}
	for i, m := range data.Mails {
		if i == recordMails {
			page.MoreMails = len(data.Mails) - recordMails
			break
		}
		page.Mails = append(page.Mails, recordMail{m.Date, m.Subject, l.T("delivery." + string(m.State))})
	}
	for _, b := range data.Bounces {
		page.Bounces = append(page.Bounces, bouncedView{b, l.T("bounce." + string(b.Kind))})
	}
	for _, i := range data.Inquiries {
		page.Inquiries = append(page.Inquiries, o.inquiry(newsroom.Inquiry{
			Kind: i.Kind, Channel: i.Channel, ReceivedAt: i.ReceivedAt, ClosedAt: i.ClosedAt, Outcome: i.Outcome,
		}))
	}
	w.Header().Set("Cache-Control", "no-store")
	return s.render(w, r, http.StatusOK, "record", page)
}

// recordActs tells each act of consent in words.
func (s *Server) recordActs(r *http.Request, o lists, consents []newsroom.Consent) (acts []recordAct, err error) {
	if err := s.addWords(r, consents); err != nil {
		return nil, err
	}
	for _, c := range consents {
		acts = append(acts, recordAct{At: c.At, What: o.l.T("subs.act_" + c.Act), How: o.consentSource(c.Source), Form: c.Form, Words: c.Words, About: o.consentDetail(c.Detail), IP: c.IP})
	}
	return acts, nil
}

// consentSource says how an act came: one of the ways that have a word, or what the office wrote about an imported list.
func (o lists) consentSource(source string) string {
	if key := "subs.via_" + source; o.l.Has(key) {
		return o.l.T(key)
	}
	return source
}

// consentDetail says what an act was about: sections, each with its cadence where that was kept, or the line of the list that it came from.
func (o lists) consentDetail(detail map[string]any) string {
	var said []string
	if chosen, _ := detail["lists"].([]any); len(chosen) > 0 {
		var names []string
		for _, one := range chosen {
			list, _ := one.(map[string]any)
			names = append(names, o.section(fmt.Sprint(list["section"]))+" ("+o.l.T("cadence."+fmt.Sprint(list["cadence"]))+")")
		}
		said = append(said, strings.Join(names, ", "))
	} else if sections, _ := detail["sections"].([]any); len(sections) > 0 {
		var names []string
		for _, one := range sections {
			names = append(names, o.section(fmt.Sprint(one)))
		}
		said = append(said, strings.Join(names, ", "))
	}
	if cadence, _ := detail["cadence"].(string); o.l.Has("cadence." + cadence) {
		said = append(said, o.l.T("cadence."+cadence))
	}
	if lifted, _ := detail["lifted"].([]any); len(lifted) > 0 {
		var blocks []string
		for _, why := range lifted {
			blocks = append(blocks, o.l.T("subs.blocked_"+fmt.Sprint(why)))
		}
		said = append(said, o.l.T("record.lifted", "why", strings.Join(blocks, ", ")))
	}
	if line, ok := detail["line"].(float64); ok {
		said = append(said, o.l.T("record.line", "n", int(line)))
	}
	if day, _ := detail["consent_at"].(string); day != "" {
		if at, err := time.Parse(time.RFC3339, day); err == nil {
			said = append(said, o.l.T("record.consent_at", "date", o.l.Date(at)))
		}
	}
	return strings.Join(said, " · ")
}

// recordCSV hands out every act of consent as a table.
func (s *Server) recordCSV(w http.ResponseWriter, r *http.Request, data newsroom.PersonalData) error {
	o, err := s.lists(r)
	if err != nil {
		return err
	}
	acts, err := s.recordActs(r, o, data.Consents)
	if err != nil {
		return err
	}
	out := csvFile(w, "ho-so-dong-y.csv")
	if err := out.Write([]string{"at", "act", "detail", "how", "form_version", "words", "ip"}); err != nil {
		return fmt.Errorf("record of consent: %w", err)
	}
	for _, a := range acts {
		if err := out.Write([]string{o.l.DateTime(a.At), a.What, plainCell(a.About), plainCell(a.How), a.Form, a.Words, a.IP}); err != nil {
			return fmt.Errorf("record of consent: %w", err)
		}
	}
	out.Flush()
	return out.Error()
}

func languageName(tag string) string {
	if tag == "en" {
		return "English"
	}
	return "Tiếng Việt"
}
