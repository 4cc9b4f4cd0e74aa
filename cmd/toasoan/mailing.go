package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"toasoan/activities"
	"toasoan/internal/config"
	"toasoan/internal/deliverability"
	"toasoan/internal/mail"
)

// mailing is the mail part of the activities.
func (a *app) mailing(courier *mail.Courier, gate *deliverability.Gate) activities.Mailing {
	return activities.Mailing{Issues: a.store, Subscribers: a.store, Digests: a.store, Letters: a.store, Courier: courier, Gate: gate}
}

// sender is what the deliverability checks look at.
func sender(c config.Config) (deliverability.Settings, error) {
	relay, err := mail.ParseRelay(c.SMTPURL)
	if err != nil {
		return deliverability.Settings{}, fmt.Errorf("SMTP_URL: %w", err)
	}
	s := deliverability.Settings{
		From: c.Mail.From, FromTx: c.Mail.FromTX, Bounce: c.Mail.BounceDomain, Domain: c.Mail.DKIMDomain, Selector: c.Mail.DKIMSelector,
		Relay: deliverability.Relay{Host: relay.Host, Port: relay.Port, TLS: string(relay.TLS)}, Outbound: c.Mail.Outbound, Mailbox: c.Mail.Embedded,
	}
	if c.Mail.DKIMKeyFile != "" {
		if s.Key, err = os.ReadFile(c.Mail.DKIMKeyFile); err != nil {
			return s, fmt.Errorf("DKIM_KEY_FILE: %w", err)
		}
	}
	return s, nil
}

// gateAlert is the one row of the gate among the alerts.
const gateAlert = "mail/gate"

// gate keeps newsletters back, where the policy says so, while receivers would refuse them.
func (a *app) gate() (*deliverability.Gate, error) {
	settings, err := sender(a.config)
	if err != nil {
		return nil, err
	}
	return deliverability.NewGate(deliverability.GateOptions{
		Look: func(ctx context.Context) ([]deliverability.Finding, error) {
			return deliverability.Check(ctx, net.DefaultResolver, settings)
		},
		Refuse: a.config.Mail.Gate == "refuse", Log: a.log, Now: time.Now,
		Tell: func(ctx context.Context, failed []string) {
			var err error
			if len(failed) > 0 {
				err = a.store.RaiseAlert(ctx, gateAlert, "mail_gate", map[string]any{"failed": strings.Join(failed, ", ")})
			} else {
				err = a.store.SettleAlert(ctx, gateAlert)
			}
			if err != nil && ctx.Err() == nil {
				a.log.WarnContext(ctx, "alert not written", "error", err)
			}
		},
	}), nil
}

// settle closes an alert of the courier's whose trouble has gone by itself.
func (a *app) settle(ctx context.Context, code string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	err := a.store.SettleAlert(ctx, "mail/"+code)
	if err != nil {
		a.log.WarnContext(ctx, "alert not settled", "error", fmt.Errorf("alert %s: %w", code, err))
	}
	return err
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
