package newsroom

import (
	"errors"
	"fmt"
)

var (
	// ErrNotFound says that nothing with that id exists, or that the asker may not know it does.
	ErrNotFound = errors.New("not found")
	// ErrStale says that what the caller wants to change has changed since it was read.
	ErrStale = errors.New("stale version")
	// ErrForbidden says that the person may not do this, whatever the state.
	ErrForbidden = errors.New("forbidden")
	// ErrConflict says that something with that name exists already.
	ErrConflict = errors.New("already exists")
	// ErrPending says that the move is recorded and will be carried out, but no answer came in time.
	ErrPending = errors.New("recorded, pending")
)

// Refusal is the stable code of a refused move: the same text in Go, JSON, SQL and as translation key
// `refused.<code>`.
type Refusal string

const (
	RefusedStage        Refusal = "wrong_stage"      // the move does not start in this stage or public state
	RefusedRole         Refusal = "not_allowed"      // this person may not make this move
	RefusedStale        Refusal = "stale_revision"   // the revision or hash named is not the current one
	RefusedLocked       Refusal = "locked_by_other"  // another reviewer holds the edit lock
	RefusedReason       Refusal = "reason_required"  // the move needs a reason code and text
	RefusedReasonCode   Refusal = "reason_unknown"   // the reason code is not in the list
	RefusedIncomplete   Refusal = "incomplete"       // title, section, body or an alt text is missing
	RefusedChecks       Refusal = "checks_blocking"  // a check that the policy makes blocking has findings
	RefusedDecided      Refusal = "already_decided"  // this person has decided on this revision
	RefusedSettled      Refusal = "already_settled"  // somebody else's decision came first
	RefusedConflict     Refusal = "conflict_of_role" // the author or the forwarder may not approve
	RefusedNotAsked     Refusal = "not_asked"        // this person holds no office that is asked now
	RefusedToken        Refusal = "token_dead"       // the link was revoked, used or has expired
	RefusedTime         Refusal = "bad_time"         // a release time in the past, or a display end before it or in the past
	RefusedWindow       Refusal = "window_over"      // the cooling-off has passed
	RefusedHash         Refusal = "hash_mismatch"    // the bytes to publish are not those approved
	RefusedTarget       Refusal = "bad_target"       // hand_over to somebody who may not take it
	RefusedUnknownMove  Refusal = "unknown_move"     // no such move
	RefusedNoCorrection Refusal = "note_required"    // a correction needs its public note
	RefusedNobody       Refusal = "nobody_to_ask"    // no active holder of the office that must approve
	RefusedSameSigner   Refusal = "same_signer"      // the second signature needs a second person
	RefusedFrozen       Refusal = "release_frozen"   // the release is held until a leader acts
)

// MoveError is a refused move: nothing was changed and nothing was written. It is what a person is told, through
// the translation of its code; Error is for logs only.
type MoveError struct {
	Code   Refusal           `json:"code"`
	Move   Move              `json:"move"`
	Stage  Stage             `json:"stage"`
	Params map[string]string `json:"params,omitempty"` // values for the translated sentence; never a secret
}

func (e *MoveError) Error() string {
	return fmt.Sprintf("move %s refused in stage %s: %s", e.Move, e.Stage, e.Code)
}

// FieldError is one thing to mend in a form: the field's name and the code of the sentence `field.<code>`.
type FieldError struct {
	Field  string            `json:"field"`
	Code   string            `json:"code"`
	Params map[string]string `json:"params,omitempty"`
}

// InvalidError carries everything that is wrong with an input at once.
type InvalidError struct{ Fields []FieldError }

func (e *InvalidError) Error() string {
	if len(e.Fields) == 0 {
		return "invalid input"
	}
	return fmt.Sprintf("invalid input: %s %s (and %d more)", e.Fields[0].Field, e.Fields[0].Code, len(e.Fields)-1)
}
