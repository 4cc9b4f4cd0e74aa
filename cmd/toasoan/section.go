package main

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"

	"toasoan/newsroom"
)

// runSection lists, adds and retires sections.
func runSection(ctx context.Context, t terminal, arguments []string) error {
	what, rest, err := subcommand(arguments, "list", "add", "retire")
	if err != nil {
		return err
	}
	flags := t.flagSet("section "+what, "[flags] [ID]")
	name, english := flags.String("name", "", "name in Vietnamese"), flags.String("name-en", "", "name in English")
	position := flags.Int("position", 0, "place in the menu")
	o, err := t.openTool(ctx, flags, rest)
	if err != nil {
		return err
	}
	defer o.store.Close()
	if what == "list" {
		return o.listSections(ctx)
	}
	if flags.NArg() != 1 {
		return fmt.Errorf("%w: want one section id, such as kinh-te", errUsage)
	}
	in := newsroom.Section{ID: flags.Arg(0), NameVI: *name, NameEN: *english, Position: *position}
	if what == "retire" {
		if in, err = o.section(ctx, in.ID); err != nil {
			return err
		}
		in.Retired = true
	}
	saved, err := o.store.SaveSection(ctx, console, in)
	if err != nil {
		return invalid(err)
	}
	fmt.Fprintln(t.out, saved.ID)
	return nil
}

func (o *tool) listSections(ctx context.Context) error {
	list, err := o.store.Sections(ctx)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(o.out, 0, 0, 2, ' ', 0)
	for _, s := range list {
		state := ""
		if s.Retired {
			state = "retired"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", s.ID, s.NameVI, s.NameEN, state)
	}
	return w.Flush()
}

func (o *tool) section(ctx context.Context, id string) (newsroom.Section, error) {
	list, err := o.store.Sections(ctx)
	if err != nil {
		return newsroom.Section{}, err
	}
	for _, s := range list {
		if s.ID == id {
			return s, nil
		}
	}
	return newsroom.Section{}, errors.New("no section " + id)
}
