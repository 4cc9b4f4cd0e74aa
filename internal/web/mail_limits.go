package web

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"toasoan/newsroom"
)

// mailLimitsStore is what the page about the newsletters' pace asks of the database.
type mailLimitsStore interface {
	MailLimits(ctx context.Context) (newsroom.MailLimits, error)
	SaveMailLimits(ctx context.Context, by newsroom.Person, m newsroom.MailLimits) error
}

// mailLimitsPage is the page "desk/mail": how much may go to the relay, and when digests go. The values are as typed.
type mailLimitsPage struct {
	Rate, Connections string // "" as the program was started
	Domains           string // one "domain, mails per second, mails at once" a line
	Digest            string // 16:30
	Errors            formErrors
}

// getMailLimits handles GET /desk/admin/mail.
func (s *Server) getMailLimits(w http.ResponseWriter, r *http.Request, me newsroom.Person) error {
	page, err := s.mailLimitsNow(r)
	if err != nil {
		return err
	}
	return s.deskPage(w, r, me, http.StatusOK, "desk/mail", "mail", page)
}

// mailLimitsNow is the page as things are.
func (s *Server) mailLimitsNow(r *http.Request) (page mailLimitsPage, err error) {
	m, err := s.Store.MailLimits(r.Context())
	if err != nil {
		return page, err
	}
	minute, err := s.Store.DigestMinute(r.Context())
	if err != nil {
		return page, err
	}
	page.Digest = clock(minute)
	if m.Rate != nil {
		page.Rate = strconv.Itoa(*m.Rate)
	}
	if m.Connections != nil {
		page.Connections = strconv.Itoa(*m.Connections)
	}
	for _, d := range m.Domains {
		page.Domains += fmt.Sprintf("%s, %d, %d\n", d.Domain, d.Rate, d.AtOnce)
	}
	return page, nil
}

// postMailLimits handles POST /desk/admin/mail.
func (s *Server) postMailLimits(w http.ResponseWriter, r *http.Request, me newsroom.Person) error {
	f := r.PostFormValue
	page := mailLimitsPage{Rate: strings.TrimSpace(f("rate")), Connections: strings.TrimSpace(f("connections")), Domains: f("domains")}
	var m newsroom.MailLimits
	if page.Rate != "" {
		m.Rate = new(wholeNumber(r, "rate"))
	}
	if page.Connections != "" {
		m.Connections = new(wholeNumber(r, "connections"))
	}
	m.Domains = domainLimits(page.Domains)
	err := s.Store.SaveMailLimits(r.Context(), me, m)
	if wrong, ok := wrongFields(s.lang(r), err); ok {
		minute, err := s.Store.DigestMinute(r.Context())
		if err != nil {
			return err
		}
		page.Digest = clock(minute)
		page.Errors = wrong.named(s.lang(r), "rate", "admin.mail_rate", "connections", "admin.mail_connections", "domains", "admin.mail_domains_label")
		return s.deskPage(w, r, me, http.StatusUnprocessableEntity, "desk/mail", "mail", page)
	}
	if err != nil {
		return err
	}
	s.leaveFlash(w, "good", "flash.saved")
	return see(w, r, "/desk/admin/mail")
}

// domainLimits reads one bound a line; a line that is none becomes a bound that is refused, with the line as its domain.
func domainLimits(lines string) (list []newsroom.DomainLimit) {
	for line := range strings.Lines(lines) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		domain, numbers, _ := strings.Cut(line, ",")
		d := newsroom.DomainLimit{Domain: strings.ToLower(strings.TrimSpace(domain))}
		for i, number := range strings.SplitN(numbers, ",", 2) {
			n, err := strconv.Atoi(strings.TrimSpace(number))
			if err != nil {
				d = newsroom.DomainLimit{Domain: line}
				break
			}
			*[]*int{&d.Rate, &d.AtOnce}[i] = n
		}
		list = append(list, d)
	}
	return list
}
