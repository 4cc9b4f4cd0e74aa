package main

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// runProbe gets a URL and fails unless it answers 200: the health check of an image that has no shell.
func runProbe(ctx context.Context, t terminal, arguments []string) error {
	flags := t.flagSet("probe", "URL")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	if flags.NArg() != 1 {
		return fmt.Errorf("%w: want one URL", errUsage)
	}
	ctx, cancel := context.WithTimeout(ctx, 4*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, flags.Arg(0), nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close() //nolint:errcheck // read only
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", flags.Arg(0), res.Status)
	}
	return nil
}
