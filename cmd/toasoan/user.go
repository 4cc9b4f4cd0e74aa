package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"

	"toasoan/newsroom"
)

// runUser adds and lists accounts, issues API tokens and mails invitations.
func runUser(ctx context.Context, t terminal, arguments []string) error {
	what, rest, err := subcommand(arguments, "add", "list", "token", "invite")
	if err != nil {
		return err
	}
	return map[string]func(context.Context, terminal, []string) error{
		"add": addUser, "list": listUsers, "token": issueToken, "invite": inviteUser,
	}[what](ctx, t, rest)
}

// addUser makes an account. The password comes from standard input, or the person gets an invitation by mail.
func addUser(ctx context.Context, t terminal, arguments []string) error {
	flags := t.flagSet("user add", "--email ADDRESS --name NAME --roles ROLE,… [flags]")
	email, name := flags.String("email", "", "mail address"), flags.String("name", "", "full name")
	title, roles := flags.String("title", "", "chức vụ"), flags.String("roles", "reporter", "contributor, reporter, commenter, reviewer, leader, admin")
	sections := flags.String("sections", "", "sections of a reviewer, empty for all")
	fromInput := flags.Bool("password-stdin", false, "read the password from standard input instead of mailing an invitation")
	o, err := t.openTool(ctx, flags, arguments)
	if err != nil {
		return err
	}
	defer o.store.Close()
	in := newsroom.AccountInput{Email: *email, Name: *name, Title: *title, Locale: "vi", Sections: commas(*sections), Active: true}
	for _, r := range commas(*roles) {
		in.Roles = append(in.Roles, newsroom.Role(r))
	}
	account, letters, err := o.store.CreateUser(ctx, console, in, !*fromInput)
	if err != nil {
		return invalid(err)
	}
	if *fromInput {
		line, err := bufio.NewReader(t.in).ReadString('\n')
		if line == "" && err != nil {
			return errors.New("no password on standard input")
		}
		if err := o.store.SetPassword(ctx, account.ID, strings.TrimRight(line, "\r\n"), ""); err != nil {
			return invalid(err)
		}
	}
	fmt.Fprintf(t.out, "%s %s\n", account.ID, account.Email)
	return o.post(ctx, letters)
}

// post starts the workflows of letters; where Temporal is away the reconcile schedule does later.
func (o *tool) post(ctx context.Context, letters []string) error {
	if len(letters) == 0 {
		return nil
	}
	a, err := o.app(ctx)
	if err != nil {
		return err
	}
	defer a.close()
	for _, id := range letters {
		if err := a.dispatch.Post(ctx, id); err != nil {
			fmt.Fprintln(o.err, "the letter is written and goes out as soon as the workers see it")
		}
	}
	return nil
}

func listUsers(ctx context.Context, t terminal, arguments []string) error {
	o, err := t.openTool(ctx, t.flagSet("user list", "[flags]"), arguments)
	if err != nil {
		return err
	}
	defer o.store.Close()
	accounts, err := o.store.Accounts(ctx)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
	for _, a := range accounts {
		state := "active"
		if !a.Active {
			state = "closed"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%v\t%s\n", a.ID, a.Email, a.Name, a.Roles, state)
	}
	return w.Flush()
}

// issueToken prints an API token once; it is not kept. Scope decide asks for the person's own PIN on standard input.
func issueToken(ctx context.Context, t terminal, arguments []string) error {
	flags := t.flagSet("user token", "[flags] EMAIL")
	scopes, label := flags.String("scopes", "write", "write, decide, admin"), flags.String("label", "command line", "what it is for")
	o, err := t.openTool(ctx, flags, arguments)
	if err != nil {
		return err
	}
	defer o.store.Close()
	account, err := o.account(ctx, flags.Args())
	if err != nil {
		return err
	}
	var wanted []newsroom.Scope
	pin := ""
	for _, s := range commas(*scopes) {
		wanted = append(wanted, newsroom.Scope(s))
		if newsroom.Scope(s) == newsroom.ScopeDecide {
			fmt.Fprintf(t.err, "PIN of %s: ", account.Name)
			line, _ := bufio.NewReader(t.in).ReadString('\n')
			pin = strings.TrimSpace(line)
		}
	}
	value, _, err := o.store.IssueToken(ctx, newsroom.Person{}, account.ID, wanted, *label, pin, nil)
	if errors.Is(err, newsroom.ErrForbidden) {
		return fmt.Errorf("%s may not have scopes %s (decide needs a leader's own PIN, admin an admin)", account.Email, *scopes)
	}
	if err != nil {
		return err
	}
	fmt.Fprintln(t.out, value)
	return nil
}

// account finds the account that the one argument names.
func (o *tool) account(ctx context.Context, arguments []string) (newsroom.Account, error) {
	if len(arguments) != 1 {
		return newsroom.Account{}, fmt.Errorf("%w: want one mail address", errUsage)
	}
	account, err := o.store.AccountByEmail(ctx, arguments[0])
	if errors.Is(err, newsroom.ErrNotFound) {
		return account, fmt.Errorf("no account with the address %s", arguments[0])
	}
	return account, err
}

// inviteUser mails a link to set the password or the PIN.
func inviteUser(ctx context.Context, t terminal, arguments []string) error {
	flags := t.flagSet("user invite", "[flags] EMAIL")
	pin := flags.Bool("pin", false, "to set the PIN instead of the password")
	o, err := t.openTool(ctx, flags, arguments)
	if err != nil {
		return err
	}
	defer o.store.Close()
	account, err := o.account(ctx, flags.Args())
	if err != nil {
		return err
	}
	kind := newsroom.LinkPassword
	if *pin {
		kind = newsroom.LinkPIN
	}
	letter, err := o.store.Invite(ctx, console, account.ID, kind)
	if errors.Is(err, newsroom.ErrForbidden) {
		return fmt.Errorf("%s is not active, or no leader", account.Email)
	}
	if err != nil {
		return err
	}
	return o.post(ctx, []string{letter})
}
