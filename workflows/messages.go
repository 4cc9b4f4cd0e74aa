package workflows

import (
	"fmt"

	"go.temporal.io/sdk/temporal"

	"toasoan/newsroom"
)

// Task queues. Letters have their own, so that an approval never waits behind a newsletter.
const (
	QueueDesk     = "desk"
	QueueMailTx   = "mail-tx"
	QueueMailBulk = "mail-bulk"
)

// Names of updates and signals.
const (
	// UpdateMove carries one recorded move to its article; its UpdateID is the request's id.
	UpdateMove = "move"
	// SignalReload says that something an article's times depend on has changed: calendar, policy, delegation.
	SignalReload = "reload"
	// SignalReceipt nudges a publication: a receipt row was written.
	SignalReceipt = "receipt"
)

// ArticleID is the workflow that follows an article.
func ArticleID(article string) string { return "article/" + article }

// PublicationID is the workflow that follows one public change until every receipt is in.
func PublicationID(article string, n int64) string {
	return fmt.Sprintf("publication/%s/%d", article, n)
}

// DeliveryID is the workflow that mails one issue.
func DeliveryID(issue string) string { return "delivery/" + issue }

// LetterID is the workflow that sends one letter.
func LetterID(letter string) string { return "letter/" + letter }

// SubscriptionID is the workflow that follows one opt-in.
func SubscriptionID(subscriber string) string { return "subscription/" + subscriber }

// ArticleInput names the article; everything else is loaded.
type ArticleInput struct {
	ArticleID string `json:"article_id"`
}

// ArticleResult is where the article stood when nothing about it was open any more.
type ArticleResult struct {
	Stage  newsroom.Stage  `json:"stage"`
	Public newsroom.Public `json:"public"`
}

// Move is the argument of UpdateMove: ids and codes only, the rest is in the recorded request.
type Move struct {
	RequestID string        `json:"request_id"`
	Move      newsroom.Move `json:"move"`
	Revision  int           `json:"revision"`
}

// PublicationInput names one public change.
type PublicationInput struct {
	ArticleID string `json:"article_id"`
	N         int64  `json:"n"`
}

// refusal is the type of an application error that carries a *newsroom.MoveError.
const refusal = "MoveError"

// refuse turns a refused move into the error that crosses Temporal.
func refuse(e *newsroom.MoveError) error {
	return temporal.NewApplicationErrorWithOptions(e.Error(), refusal, temporal.ApplicationErrorOptions{NonRetryable: true, Details: []any{e}})
}

// Refused returns the MoveError inside an error that came back through Temporal.
func Refused(err error) (*newsroom.MoveError, bool) {
	app, ok := asApplicationError(err)
	if !ok || app.Type() != refusal {
		return nil, false
	}
	var refused *newsroom.MoveError
	if app.Details(&refused) != nil || refused == nil {
		return nil, false
	}
	return refused, true
}
