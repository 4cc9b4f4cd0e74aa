package activities

import (
	"context"
	"fmt"
	"strings"
	"time"

	"toasoan/events"
	"toasoan/newsroom"
)

// Portal is what Postgres knows of public changes and their receipts. Met by store.
type Portal interface {
	Publication(ctx context.Context, articleID string, n int64) (newsroom.Publication, error)
	Receipts(ctx context.Context, articleID string, n int64) ([]newsroom.Receipt, error)
	ReceiptChecked(ctx context.Context, articleID string, n int64, effect newsroom.Effect, detail map[string]any) error
	PublicationDone(ctx context.Context, articleID string, n int64) error
	PublicationUnconfirmed(ctx context.Context, articleID string, n int64, missing []newsroom.Effect) error
	CountEmission(ctx context.Context, articleID string, n int64) (attempt int, err error)
	PublicPaths(ctx context.Context, articleID string, n int64) (newsroom.PublicPaths, error)
}

// Outside reads the portal as a stranger does. Met by the HTTP client of internal/web's visitor.
type Outside interface {
	// Visit gets a path of the portal: status and body, at most 8 MB.
	Visit(ctx context.Context, path string) (status int, body []byte, err error)
}

// PublicationInput names a public change.
type PublicationInput struct {
	ArticleID string `json:"article_id"`
	N         int64  `json:"n"`
}

// ReceiptsResult says what a publication still lacks.
type ReceiptsResult struct {
	Missing []newsroom.Effect `json:"missing,omitempty"`
	Silent  bool              `json:"silent,omitempty"` // nobody has sent a receipt yet: the event may be lost
}

// EmitPublication announces a public change again, under a new attempt number: consumers recognise it by its CloudEvents id.
func (d *Desk) EmitPublication(ctx context.Context, in PublicationInput) (struct{}, error) {
	p, err := d.Portal.Publication(ctx, in.ArticleID, in.N)
	if err != nil {
		return struct{}{}, err
	}
	paths, err := d.Portal.PublicPaths(ctx, in.ArticleID, in.N)
	if err != nil {
		return struct{}{}, err
	}
	attempt, err := d.Portal.CountEmission(ctx, in.ArticleID, in.N)
	if err != nil {
		return struct{}{}, err
	}
	e := events.Article{
		ArticleID: p.ArticleID, N: p.N, Revision: p.Revision, SectionID: paths.Section, Stage: string(newsroom.StageReleased),
		Public: string(paths.Public), Kind: string(p.Kind), At: p.At,
	}.With(p.Event)
	return struct{}{}, d.Bus.Publish(ctx, e, attempt+1) // attempt 1 was the settling activity's
}

// CheckReceipts looks what is confirmed, reads page, feeds and sitemap from outside, and closes the publication when nothing
// is missing any more.
func (d *Desk) CheckReceipts(ctx context.Context, in PublicationInput) (ReceiptsResult, error) {
	receipts, err := d.Portal.Receipts(ctx, in.ArticleID, in.N)
	if err != nil {
		return ReceiptsResult{}, err
	}
	paths, err := d.Portal.PublicPaths(ctx, in.ArticleID, in.N)
	if err != nil {
		return ReceiptsResult{}, err
	}
	out := ReceiptsResult{Silent: true}
	for _, r := range receipts {
		missing, err := d.unconfirmed(ctx, in, r, paths)
		if err != nil {
			return ReceiptsResult{}, err
		}
		if missing {
			out.Missing = append(out.Missing, r.Effect)
		} else if r.Effect != newsroom.EffectPage {
			out.Silent = false
		}
	}
	if len(out.Missing) == 0 {
		return out, d.Portal.PublicationDone(ctx, in.ArticleID, in.N)
	}
	return out, nil
}

// unconfirmed reports whether a receipt is still missing. What a consumer wrote is then looked at from outside; the page has
// no consumer, so that being seen is its receipt.
func (d *Desk) unconfirmed(ctx context.Context, in PublicationInput, r newsroom.Receipt, p newsroom.PublicPaths) (bool, error) {
	var seen bool
	var detail map[string]any
	switch r.Effect {
	case newsroom.EffectCounters, newsroom.EffectMail:
		return r.At == nil, nil
	case newsroom.EffectPage:
		if r.Checked != nil {
			return false, nil
		}
		seen, detail = d.seePage(ctx, p)
	case newsroom.EffectFeeds, newsroom.EffectSitemap:
		if r.At == nil || r.Checked != nil {
			return r.At == nil, nil
		}
		seen, detail = d.seeFiles(ctx, p.Files(r.Effect))
	}
	if !seen {
		return true, nil
	}
	return false, d.Portal.ReceiptChecked(ctx, in.ArticleID, in.N, r.Effect, detail)
}

// seePage looks whether readers get what this publication (or a later one) made: the page names the publication it shows.
func (d *Desk) seePage(ctx context.Context, p newsroom.PublicPaths) (bool, map[string]any) {
	status, body, err := d.Outside.Visit(ctx, p.Page)
	if err != nil {
		d.Log.Info("portal not readable from outside yet", "path", p.Page, "error", err)
		return false, nil
	}
	want := 200
	if p.Public == newsroom.PublicTakenDown {
		want = 410
	}
	mark := fmt.Sprintf(`<meta name="toasoan:publication" content="%d">`, p.N)
	if status != want || (want == 200 && !strings.Contains(string(body), mark)) {
		return false, nil
	}
	if p.Hash != "" && want == 200 && !strings.Contains(string(body), p.Hash) {
		return false, nil
	}
	return true, map[string]any{"status": status, "path": p.Page, "hash": p.Hash}
}

// seeFiles compares feeds or sitemap as strangers get them with what was rendered, by hash.
func (d *Desk) seeFiles(ctx context.Context, files []newsroom.PublicFile) (bool, map[string]any) {
	seen := map[string]any{}
	for _, f := range files {
		status, body, err := d.Outside.Visit(ctx, f.Path)
		if err != nil || status != 200 || !f.Same(body) {
			return false, nil
		}
		seen[f.Path] = f.ETag
	}
	return len(files) > 0, map[string]any{"files": seen}
}

// ReportUnconfirmed puts a publication whose receipts do not come before the operator.
func (d *Desk) ReportUnconfirmed(ctx context.Context, in PublicationInput) (struct{}, error) {
	result, err := d.CheckReceipts(ctx, in)
	if err != nil || len(result.Missing) == 0 {
		return struct{}{}, err
	}
	d.Log.Error("publication is not confirmed", "article_id", in.ArticleID, "n", in.N, "missing", result.Missing)
	return struct{}{}, d.Portal.PublicationUnconfirmed(ctx, in.ArticleID, in.N, result.Missing)
}

// visitTimeout bounds one look from outside.
const visitTimeout = 5 * time.Second
