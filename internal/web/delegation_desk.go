package web

import "context"

// seatStore is what follows a delegation.
type seatStore interface {
	AfterDelegation(ctx context.Context) (articles, letters []string, err error)
}

// followDelegation mails the links that a delegation has just opened, and tells the runs of what waits when to wake. What cannot be
// told now is found by the schedule.
func (s *Server) followDelegation(ctx context.Context) error {
	articles, letters, err := s.Store.AfterDelegation(ctx)
	if err != nil {
		return err
	}
	s.post(ctx, letters...)
	for _, id := range articles {
		if err := s.Dispatch.Reload(ctx, id); err != nil {
			s.Log.WarnContext(ctx, "run will learn of the delegation later", "article_id", id, "error", err)
		}
	}
	return nil
}
