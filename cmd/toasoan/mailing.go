package main

import (
	"context"
	"fmt"
	"time"

	"toasoan/activities"
	"toasoan/internal/mail"
	"toasoan/newsroom"
)

// mailing is the mail part of the activities: the ledger in the store, the courier and the composer behind one interface.
func (a *app) mailing(courier *mail.Courier, composer *mail.Composer) activities.Mailing {
	return activities.Mailing{Issues: a.store, Subscribers: a.store, Letters: a.store, Courier: postOffice{courier, composer}}
}

// postOffice is courier and composer together, as the activities call them.
type postOffice struct {
	*mail.Courier
	composer *mail.Composer
}

// Compose makes the master copy of an issue.
func (p postOffice) Compose(view newsroom.IssueView) (activities.IssueMaster, error) {
	master, err := p.composer.NewMaster(view)
	if err != nil {
		return activities.IssueMaster{}, err
	}
	return activities.IssueMaster{Subject: master.Subject(), HTML: master.HTML(), Text: master.Text(), Hash: master.Hash()}, nil
}

// alert puts what the courier cannot mend itself before the operator; the same trouble is one row.
func (a *app) alert(ctx context.Context, code string, detail map[string]string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	kept := make(map[string]any, len(detail))
	for k, v := range detail {
		kept[k] = v
	}
	if err := a.store.RaiseAlert(ctx, "mail/"+code, code, kept); err != nil {
		a.log.WarnContext(ctx, "alert not written", "error", fmt.Errorf("alert %s: %w", code, err))
	}
}
