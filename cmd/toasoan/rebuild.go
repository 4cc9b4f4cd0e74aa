package main

import (
	"context"
	"fmt"
	"time"

	"toasoan/activities"
)

// runRebuild makes anew from the database what can be made anew: the feeds and sitemap, or the runs of whatever is open.
func runRebuild(ctx context.Context, t terminal, arguments []string) error {
	what, rest, err := subcommand(arguments, "feeds", "workflows")
	if err != nil {
		return err
	}
	o, err := t.openTool(ctx, t.flagSet("rebuild "+what, "[flags]"), rest)
	if err != nil {
		return err
	}
	defer o.store.Close()
	a, err := o.app(ctx)
	if err != nil {
		return err
	}
	defer a.close()
	if what == "feeds" {
		err := a.feeds().RebuildFeeds(ctx, func(done, all int) { fmt.Fprintf(t.err, "\r%d of %d files", done, all) })
		fmt.Fprintln(t.err)
		return err
	}
	desk := &activities.Desk{Open: a.store, Runs: a.dispatch, Log: a.log, Now: time.Now}
	found, err := desk.Reconcile(ctx, struct{}{})
	if err != nil {
		return err
	}
	fmt.Fprintf(t.out, "runs ensured for %d articles, %d publications, %d newsletters, %d subscriptions, %d letters\n",
		found.Articles, found.Publications, found.Issues, found.Subscriptions, found.Letters)
	return nil
}
