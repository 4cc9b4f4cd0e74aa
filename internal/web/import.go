package web

import (
	"context"
	"errors"
	"io"
	"net/http"
	"path"
	"slices"
	"strconv"
	"time"

	"toasoan/internal/text"
	"toasoan/newsroom"
)

// importStore takes lists of subscribers.
type importStore interface {
	PreviewImport(ctx context.Context, by newsroom.Person, name, source string, fallback []string, body io.Reader) (newsroom.Import, error)
	RunImport(ctx context.Context, by newsroom.Person, id string) error
	Import(ctx context.Context, id string) (newsroom.Import, error)
	ImportLook(ctx context.Context, id string, n int) ([]newsroom.ImportRow, error)
	StalledImports(ctx context.Context) ([]newsroom.Import, error)
	SweepImports(ctx context.Context) error
}

// importBody is how much an upload of a list may send: the list and its form.
const importBody = listBytes + 1<<20

// importPage is the page "desk/import": the form.
type importPage struct {
	Source   string
	Sections []option
	Errors   formErrors
}

// getImport handles GET /desk/subscribers/import.
func (s *Server) getImport(w http.ResponseWriter, r *http.Request, me newsroom.Person) error {
	return s.importForm(w, r, me, http.StatusOK, importPage{}, nil)
}

func (s *Server) importForm(w http.ResponseWriter, r *http.Request, me newsroom.Person, status int, page importPage, chosen []string) error {
	sections, err := s.Store.Sections(r.Context())
	if err != nil {
		return err
	}
	for _, one := range sections {
		if !one.Retired {
			page.Sections = append(page.Sections, option{one.ID, one.Name(s.lang(r).Tag()), slices.Contains(chosen, one.ID)})
		}
	}
	return s.deskPage(w, r, me, status, "desk/import", "subscribers", page)
}

// postImport handles POST /desk/subscribers/import: the file is read and what it would do is shown; nothing is imported yet.
func (s *Server) postImport(w http.ResponseWriter, r *http.Request, me newsroom.Person) error {
	l := s.lang(r)
	page := importPage{}
	if err := r.ParseMultipartForm(1 << 20); err != nil {
		key := "subs.file_required"
		if _, large := errors.AsType[*http.MaxBytesError](err); large {
			key = "subs.file_large"
		}
		page.Errors.add(l, "file", key)
		return s.importForm(w, r, me, http.StatusUnprocessableEntity, page, nil)
	}
	defer func() { _ = r.MultipartForm.RemoveAll() }()
	page.Source = text.Line(r.PostFormValue("source"))
	chosen := r.PostForm["section"]
	file, head, err := r.FormFile("file")
	if err != nil || head.Size == 0 {
		page.Errors.add(l, "file", "subs.file_required")
	}
	if page.Source == "" {
		page.Errors.add(l, "source", "subs.source_required")
	}
	if head != nil && head.Size > listBytes {
		page.Errors.add(l, "file", "subs.file_large")
	}
	if len(page.Errors) > 0 {
		return s.importForm(w, r, me, http.StatusUnprocessableEntity, page, chosen)
	}
	defer func() { _ = file.Close() }()
	list, err := s.Store.PreviewImport(r.Context(), me, path.Base(head.Filename), page.Source, chosen, file)
	if errors.Is(err, newsroom.ErrImportHeader) {
		page.Errors.add(l, "file", "subs.no_header")
		return s.importForm(w, r, me, http.StatusUnprocessableEntity, page, chosen)
	}
	if wrong, ok := errors.AsType[*newsroom.InvalidError](err); ok { // a section was retired meanwhile
		for _, f := range wrong.Fields {
			page.Errors.add(l, f.Field, "field."+f.Code)
		}
		return s.importForm(w, r, me, http.StatusUnprocessableEntity, page, chosen)
	}
	if err != nil {
		return err
	}
	return see(w, r, "/desk/imports/"+list.ID)
}

// importedPage is the page "desk/imported": a list before, during and after its import.
type importedPage struct {
	newsroom.Import
	Takes   int // people who would be added or get more sections
	People  []importPerson
	Errors  []importLine
	Stalled bool // whoever imported it has gone: it can be taken up
}

type importLine struct{ Line, Text string }

// importPerson is one of the first people of a list, as it was read: a person sees by it whether the letters are right.
type importPerson struct{ Email, Name, Lists string }

// importLook is how many people of a list are shown before it is imported.
const importLook = 5

// importSilence is how long a running import may be silent before a person may take it up, in seconds.
const importSilence = 30

// getImported handles GET /desk/imports/{id}; while it runs the page comes again by itself.
func (s *Server) getImported(w http.ResponseWriter, r *http.Request, me newsroom.Person) error {
	list, err := s.Store.Import(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	var people []importPerson
	if list.State == "preview" {
		people, err = s.importPeople(r, list.ID)
		if fresh, again := s.Store.Import(r.Context(), list.ID); err != nil && again == nil && fresh.State != "preview" {
			list, people, err = fresh, nil, nil // taken meanwhile, and its file removed
		}
		if err != nil {
			return err
		}
	}
	l := s.lang(r)
	page := importedPage{
		Import: list, People: people, Takes: list.Report.Added + list.Report.Merged,
		Stalled: list.State == "running" && s.Now().Sub(list.BeatAt).Seconds() > importSilence,
	}
	for _, e := range list.Report.Errors {
		page.Errors = append(page.Errors, importLine{strconv.Itoa(e.Line), l.T("import." + e.Code)})
	}
	return s.deskPage(w, r, me, http.StatusOK, "desk/imported", "subscribers", page)
}

func (s *Server) importPeople(r *http.Request, id string) (people []importPerson, err error) {
	o, err := s.lists(r)
	if err != nil {
		return nil, err
	}
	rows, err := s.Store.ImportLook(r.Context(), id, importLook)
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		people = append(people, importPerson{row.Email, row.Name, o.subscriptions(row.Lists)})
	}
	return people, nil
}

// postImported handles POST /desk/imports/{id}: the list is taken, in batches, whether or not the person waits for it.
func (s *Server) postImported(w http.ResponseWriter, r *http.Request, me newsroom.Person) error {
	id := r.PathValue("id")
	if _, err := s.Store.Import(r.Context(), id); err != nil {
		return err
	}
	go s.runImport(context.WithoutCancel(r.Context()), me, id)
	return see(w, r, "/desk/imports/"+id)
}

func (s *Server) runImport(ctx context.Context, me newsroom.Person, id string) {
	err := s.Store.RunImport(ctx, me, id)
	if err != nil && !errors.Is(err, newsroom.ErrConflict) { // it runs already, or is done
		s.Log.ErrorContext(ctx, "import stopped", "import_id", id, "error", err)
	}
}

// importSweep is how often a node looks for imports whose runner has gone.
const importSweep = 30 * time.Second

// takeUpImports goes on with imports that a stopped node left, where they stopped.
func (s *Server) takeUpImports(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(importSweep):
		}
		stalled, err := s.Store.StalledImports(ctx)
		if err != nil && ctx.Err() == nil {
			s.Log.WarnContext(ctx, "imports are looked for later", "error", err)
		}
		for _, one := range stalled {
			s.runImport(ctx, newsroom.Person{ID: one.By}, one.ID)
		}
	}
}
