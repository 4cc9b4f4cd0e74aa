package web

import (
	"context"
	"errors"
	"html/template"

	"toasoan/events"
)

// Store is what the handlers ask of the database, composed of the interfaces that stand next to them. Each room adds
// its line.
type Store interface {
	apiStore
	deciding
	deskStore
	portalStore
	readerStore
	subscriberStore
	inquiryStore
}

// Dispatch is what the handlers ask of the workflows. Each room adds its line.
type Dispatch interface {
	apiDispatch
	deskDispatch
	issueRuns
	mover
	postman
	readerRuns
}

// Bus is what the server asks of NATS; *events.Bus meets it.
type Bus interface {
	Follow(ctx context.Context, subjects []string, each func(events.Envelope), lost func()) error
	Publish(ctx context.Context, e events.Event, attempt int) error
	PublishViews(ctx context.Context, batch events.ViewBatch) error
	Up() bool
}

// postman starts the workflow of a letter that was written.
type postman interface {
	Post(ctx context.Context, letterID string) error
}

// rooms is what each room of the server keeps for itself. Each room adds its line here and in open.
type rooms struct {
	api    apiRoom
	desk   desk
	portal portal
}

// roomFuncs are the functions that only a room's templates use. Each room adds its line.
func (s *Server) roomFuncs(language) []template.FuncMap {
	return []template.FuncMap{}
}

// open prepares every room before the first request.
func (s *Server) open() error {
	return errors.Join(
		s.openAPI(),
		s.openDesk(),
		s.openPortal(),
	)
}
