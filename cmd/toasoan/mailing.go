package main

import (
	"context"
	"fmt"
	"time"

	"toasoan/activities"
	"toasoan/internal/mail"
)

// mailing is the mail part of the activities.
func (a *app) mailing(courier *mail.Courier) activities.Mailing {
	return activities.Mailing{Issues: a.store, Subscribers: a.store, Digests: a.store, Letters: a.store, Courier: courier}
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
