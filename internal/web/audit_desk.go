package web

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"

	"toasoan/newsroom"
)

// recordStore is what the pages about the audit chain ask of the database.
type recordStore interface {
	VerifyAudit(ctx context.Context, roots ...string) (newsroom.AuditPoint, error)
	ExportAudit(ctx context.Context, w io.Writer, format newsroom.AuditFormat) (newsroom.AuditPoint, error)
	AuditRoots(ctx context.Context, limit int) ([]newsroom.AuditRoot, error)
}

// auditPage is the page "desk/audit": the daily roots, and the files for whoever inspects.
type auditPage struct {
	Roots   []auditRow
	Checked string // what a check of the whole chain found
	Broken  bool
}

type auditRow struct {
	Day, Hash string
	LastID    int64
}

// rootsShown is how many daily roots the page lists.
const rootsShown = 31

// getAudit handles GET /desk/admin/audit. With ?check the whole chain is walked and held against the roots that are kept.
func (s *Server) getAudit(w http.ResponseWriter, r *http.Request, me newsroom.Person) error {
	l := s.lang(r)
	roots, err := s.Store.AuditRoots(r.Context(), rootsShown)
	if err != nil {
		return err
	}
	page := auditPage{}
	var hashes []string
	for _, root := range roots {
		hashes = append(hashes, root.Hash)
		page.Roots = append(page.Roots, auditRow{Day: l.Date(root.Day.Start()), Hash: root.Hash, LastID: root.LastID})
	}
	if r.URL.Query().Has("check") {
		at, err := s.Store.VerifyAudit(r.Context(), hashes...)
		if r.Context().Err() != nil {
			return r.Context().Err()
		}
		page.Checked = l.T("audit.holds", "n", at.ID, "hash", hex.EncodeToString(at.Hash))
		if err != nil {
			s.Log.ErrorContext(r.Context(), "audit chain does not hold", "rows", at.ID, "error", err)
			page.Broken, page.Checked = true, l.T("audit.broken", "n", at.ID)
		}
	}
	return s.deskPage(w, r, me, http.StatusOK, "desk/audit", "audit", page)
}

// getAuditFile handles GET /desk/admin/audit.jsonl and .csv: the whole chain as a file that proves itself.
func (s *Server) getAuditFile(format newsroom.AuditFormat) deskHandler {
	return func(w http.ResponseWriter, r *http.Request, _ newsroom.Person) error {
		kind := map[newsroom.AuditFormat]string{newsroom.AuditJSONL: "application/x-ndjson", newsroom.AuditCSV: "text/csv"}[format]
		w.Header().Set("Content-Type", kind+"; charset=utf-8")
		w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="nhat-ky-%s.%s"`, newsroom.DateOf(s.Now()), format))
		w.Header().Set("Cache-Control", "no-store")
		_, err := s.Store.ExportAudit(r.Context(), w, format)
		return err
	}
}
