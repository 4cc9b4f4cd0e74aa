package web

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"toasoan/newsroom"
)

// tellFor is how long a run may take to hear what was asked about its issue; the reconcile schedule tells it otherwise.
const tellFor = 5 * time.Second

// runStore is what people do about a mail run.
type runStore interface {
	DeliveryRows(ctx context.Context, issueID string, f newsroom.DeliveryFilter) (list []newsroom.DeliveryRow, next string, err error)
	ExportDeliveries(ctx context.Context, by newsroom.Person, issueID string, each func(newsroom.DeliveryRow) error) error
	PauseIssue(ctx context.Context, by newsroom.Person, issueID string) error
	ResumeIssue(ctx context.Context, by newsroom.Person, issueID string) error
	StopIssue(ctx context.Context, by newsroom.Person, issueID string) error
	RetryIssue(ctx context.Context, by newsroom.Person, issueID string, state newsroom.DeliveryState) (n int, err error)
	LiftBlocks(ctx context.Context, by newsroom.Person, issueID string) (n int, err error)
}

// issueRuns starts an issue's run and tells one that is there to look at its issue. Met by dispatch.
type issueRuns interface {
	Deliver(ctx context.Context, issueID string) error
	StopDelivery(ctx context.Context, issueID string) error
}

// postDeskIssue handles POST /desk/issues/{id}: pause, resume, stop, retry. What was asked is in the ledger before the run
// hears of it.
func (s *Server) postDeskIssue(w http.ResponseWriter, r *http.Request, me newsroom.Person) error {
	ctx, id := r.Context(), r.PathValue("id")
	to := "/desk/issues/" + id
	var err error
	said, args := "", []string{}
	switch r.PostFormValue("act") {
	case "pause":
		said, err = "flash.issue_paused", s.Store.PauseIssue(ctx, me, id)
	case "resume":
		said, err = "flash.issue_resumed", s.Store.ResumeIssue(ctx, me, id)
	case "stop":
		said, err = "flash.issue_stopped", s.Store.StopIssue(ctx, me, id)
	case "retry":
		var n int
		n, err = s.Store.RetryIssue(ctx, me, id, newsroom.DeliveryState(r.PostFormValue("state")))
		said, args = "flash.issue_retried", []string{"n", strconv.Itoa(n)}
	default:
		return newsroom.ErrNotFound
	}
	if errors.Is(err, newsroom.ErrConflict) {
		s.leaveFlash(w, "warn", "flash.issue_conflict")
		return see(w, r, to)
	}
	if err != nil {
		return err
	}
	tell, cancel := context.WithTimeout(context.WithoutCancel(ctx), tellFor) // what was asked stands, whoever closes the page
	defer cancel()
	if err := errors.Join(s.Dispatch.Deliver(tell, id), s.Dispatch.StopDelivery(tell, id)); err != nil {
		s.Log.WarnContext(ctx, "mail run is told later", "issue_id", id, "error", err)
	}
	s.leaveFlash(w, "good", said, args...)
	return see(w, r, to)
}

// postLiftBlocks handles POST /desk/issues/{id}/blocks: the addresses that this issue's refusals have blocked get mails again. Without the
// tick nothing happens.
func (s *Server) postLiftBlocks(w http.ResponseWriter, r *http.Request, me newsroom.Person) error {
	id := r.PathValue("id")
	to := "/desk/issues/" + id
	if r.PostFormValue("sure") == "" {
		return see(w, r, to)
	}
	n, err := s.Store.LiftBlocks(r.Context(), me, id)
	if errors.Is(err, newsroom.ErrConflict) {
		s.leaveFlash(w, "warn", "flash.issue_no_blocks")
		return see(w, r, to)
	}
	if err != nil {
		return err
	}
	s.leaveFlash(w, "good", "flash.issue_lifted", "n", strconv.Itoa(n))
	return see(w, r, to)
}

// recipientsPage is the page "desk/recipients".
type recipientsPage struct {
	Issue  issueView
	Rows   []recipientView
	Query  string
	States []option
	Next   string

	Counted bool // the rows have become counts
}

type recipientView struct {
	SubscriberID, Email, State string
	Reply                      string
	Attempts                   int
	Next, Done                 *time.Time
}

var deliveryStates = []newsroom.DeliveryState{
	newsroom.DeliverySent, newsroom.DeliverySoft, newsroom.DeliveryHard, newsroom.DeliveryExpired, newsroom.DeliveryInDoubt, newsroom.DeliveryResent,
	newsroom.DeliverySuppressed, newsroom.DeliveryCancelled, newsroom.DeliveryPending, newsroom.DeliveryClaimed, newsroom.DeliveryDot,
}

// getRecipients handles GET /desk/issues/{id}/recipients: what became of each mail.
func (s *Server) getRecipients(w http.ResponseWriter, r *http.Request, me newsroom.Person) error {
	q, id := r.URL.Query(), r.PathValue("id")
	one, err := s.Store.DeskIssue(r.Context(), id)
	if err != nil {
		return err
	}
	o, err := s.lists(r)
	if err != nil {
		return err
	}
	f := newsroom.DeliveryFilter{State: newsroom.DeliveryState(q.Get("state")), Query: q.Get("q"), After: q.Get("after"), Limit: 100}
	rows, next, err := s.Store.DeliveryRows(r.Context(), id, f)
	if err != nil {
		return err
	}
	page := recipientsPage{Issue: s.issueView(o, one), Query: f.Query, Counted: one.Counted(s.Now())}
	for _, state := range deliveryStates {
		page.States = append(page.States, option{string(state), o.l.T("delivery." + string(state)), state == f.State})
	}
	for _, d := range rows {
		page.Rows = append(page.Rows, recipientView{
			SubscriberID: d.SubscriberID, Email: d.Email, State: s.deliveryWord(o.l, d), Reply: relayReply(o.l, d), Attempts: attempts(d),
			Next: d.Next, Done: d.DoneAt,
		})
	}
	if next != "" {
		q.Set("after", next)
		page.Next = "/desk/issues/" + url.PathEscape(id) + "/recipients?" + q.Encode()
	}
	return s.deskPage(w, r, me, http.StatusOK, "desk/recipients", "issues", page)
}

// deliveryWord says what became of a mail: a doubt that is due again is no end, and who was not mailed either left or is blocked.
func (s *Server) deliveryWord(l language, d newsroom.DeliveryRow) string {
	switch due := d.State == newsroom.DeliveryInDoubt && d.Next != nil; {
	case due && s.MailHeld:
		return l.T("delivery.in_doubt_held")
	case due:
		return l.T("delivery.in_doubt_due")
	}
	if why := "subs.blocked_" + d.Stage; d.State == newsroom.DeliverySuppressed && l.Has(why) {
		return l.T("delivery.suppressed_why", "why", l.T(why))
	}
	return l.T("delivery." + string(d.State))
}

// attempts is how often a mail was tried: the ledger counts results that left it open, so the one that closed it comes on top.
func attempts(d newsroom.DeliveryRow) int {
	switch d.State {
	case newsroom.DeliverySent, newsroom.DeliveryHard, newsroom.DeliveryExpired:
		return d.Attempt + 1
	case newsroom.DeliveryResent:
		if d.Code/100 == 2 { // taken the second time
			return d.Attempt + 1
		}
	default:
	}
	return d.Attempt
}

// relayReply is what the relay said, "550 5.1.1 no such user", or what its log says. Its words may begin with the status already.
func relayReply(l language, d newsroom.DeliveryRow) string {
	if d.Stage == newsroom.FoundInLog {
		return l.T("delivery.in_log", "name", d.Reply)
	}
	status := d.Enhanced
	if strings.HasPrefix(d.Reply, status) {
		status = ""
	}
	return strings.Join(strings.Fields(codeCell(d.Code)+" "+status+" "+d.Reply), " ")
}

func codeCell(code int) string {
	if code == 0 {
		return ""
	}
	return strconv.Itoa(code)
}

// getRecipientsCSV handles GET /desk/issues/{id}/recipients.csv.
func (s *Server) getRecipientsCSV(w http.ResponseWriter, r *http.Request, me newsroom.Person) error {
	id := r.PathValue("id")
	if _, err := s.Store.DeskIssue(r.Context(), id); err != nil {
		return err
	}
	out := csvFile(w, "thu-"+id+".csv")
	if err := out.Write([]string{"subscriber_id", "email", "state", "attempts", "code", "enhanced", "stage", "reply", "next_attempt", "done_at", "message_id"}); err != nil {
		return err
	}
	err := s.Store.ExportDeliveries(r.Context(), me, id, func(d newsroom.DeliveryRow) error {
		return out.Write([]string{
			d.SubscriberID, plainCell(d.Email), string(d.State), strconv.Itoa(attempts(d)), codeCell(d.Code), d.Enhanced, d.Stage, plainCell(d.Reply),
			momentCell(d.Next), momentCell(d.DoneAt), s.messageID(d),
		})
	})
	out.Flush()
	return errors.Join(err, out.Error())
}

// momentCell is a time as programs read it, to the second, in local time: a relay's log is held against it.
func momentCell(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.In(newsroom.Zone).Format(time.RFC3339)
}

// messageID is the Message-ID as it stands in the mail and in the relay's log, "" before the mail is made.
func (s *Server) messageID(d newsroom.DeliveryRow) string {
	if d.MessageID == "" {
		return ""
	}
	return "<" + d.MessageID + "@" + s.MailDomain + ">"
}
