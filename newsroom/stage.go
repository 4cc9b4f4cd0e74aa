package newsroom

import "slices"

// Stage is what the newsroom is doing with the working revision of an article.
type Stage string

const (
	StageDraft            Stage = "draft"             // Bản nháp
	StageSubmitted        Stage = "submitted"         // Chờ biên tập
	StageInReview         Stage = "in_review"         // Đang biên tập
	StageAwaitingApproval Stage = "awaiting_approval" // Chờ duyệt
	StageApproved         Stage = "approved"          // Đã duyệt
	StageScheduled        Stage = "scheduled"         // Hẹn giờ đăng
	StageReleased         Stage = "released"          // Đã đăng
	StageChangesRequested Stage = "changes_requested" // Yêu cầu chỉnh sửa
	StageRejected         Stage = "rejected"          // Không đăng
	StageAbandoned        Stage = "abandoned"         // Đã hủy
)

// Stages lists every stage in the order of an article's life, side roads last.
var Stages = []Stage{
	StageDraft, StageSubmitted, StageInReview, StageAwaitingApproval, StageApproved, StageScheduled,
	StageReleased, StageChangesRequested, StageRejected, StageAbandoned,
}

// Open reports whether the working revision is still being worked on or waits for its time: the article holds a run.
func (s Stage) Open() bool {
	switch s {
	case StageReleased, StageRejected, StageAbandoned:
		return false
	default:
		return true
	}
}

// Pends reports whether an approved revision waits for its time.
func (s Stage) Pends() bool { return s == StageApproved || s == StageScheduled }

// Public is what readers see of an article.
type Public string

const (
	PublicHidden    Public = "hidden"     // never published
	PublicLive      Public = "live"       // on the portal
	PublicWithdrawn Public = "withdrawn"  // the page stays with a notice
	PublicTakenDown Public = "taken_down" // 410 with a short notice; the text is kept for inspection
	PublicExpired   Public = "expired"    // out of the lists, the archive stays searchable
)

// off reports that readers had the article and were taken it from, or from their lists.
func (p Public) off() bool { return p == PublicWithdrawn || p == PublicTakenDown || p == PublicExpired }

// Publics lists every public state.
var Publics = []Public{PublicHidden, PublicLive, PublicWithdrawn, PublicTakenDown, PublicExpired}

// Move is a command that changes an article: the text of the API, the column and the translation key.
type Move string

const (
	MoveCreate           Move = "create"
	MoveSubmit           Move = "submit"
	MoveAbandon          Move = "abandon"
	MoveClaim            Move = "claim"
	MoveReleaseClaim     Move = "release_claim"
	MoveHandOver         Move = "hand_over"
	MoveTakeOver         Move = "take_over"
	MoveRecall           Move = "recall"
	MoveReturn           Move = "return"
	MoveReject           Move = "reject"
	MoveForward          Move = "forward"
	MoveResubmit         Move = "resubmit"
	MoveWithdrawRequest  Move = "withdraw_request"
	MoveApprove          Move = "approve"
	MoveRequestChanges   Move = "request_changes"
	MoveEmergencyRelease Move = "emergency_release"
	MoveRelease          Move = "release"
	MoveReschedule       Move = "reschedule"
	MoveUnschedule       Move = "unschedule"
	MoveUndo             Move = "undo"
	MoveRevise           Move = "revise"
	MoveWithdraw         Move = "withdraw"
	MoveTakeDown         Move = "take_down"
	MoveRestore          Move = "restore"
	MoveExpire           Move = "expire"
	MoveSecondSign       Move = "second_sign"
	MoveComment          Move = "comment"
	MoveNotMe            Move = "not_me"
	MoveAdoptPolicy      Move = "adopt_policy"
)

// Way is one row of the table of moves: where a move starts, where it ends and who may make it. Conditions that the
// table cannot say (hash, quorum, lock, windows) are in Rule.
type Way struct {
	Move   Move
	From   []Stage    // nil: any stage
	Public []Public   // nil: any public state
	To     Stage      // "": the stage stays
	Then   Public     // "": the public state stays
	By     []Capacity // who, in the order in which their standing is recorded
	Reason bool       // needs a reason code and a text
	Event  string     // article event it announces, without the "article." prefix; "" none
	Clock  bool       // made by the workflow only; no door offers it
	Hidden bool       // no button of its own
}

var (
	everLive   = []Public{PublicLive, PublicWithdrawn, PublicTakenDown, PublicExpired}
	closed     = []Stage{StageReleased, StageRejected, StageAbandoned}
	byAuthor   = []Capacity{AsAuthor}
	byReviewer = []Capacity{AsReviewer}
	byHolder   = []Capacity{AsHolder}
	byApprover = []Capacity{AsApprover, AsDeputy}
	byLeader   = []Capacity{AsLeader}
	byWorkflow = []Capacity{AsWorkflow}
	editable   = []Stage{StageDraft, StageChangesRequested}
)

// Ways is the table of moves of domain.md §2: the whole life of an article. Its test prints it to docs/moves.md.
var Ways = []Way{
	{Move: MoveSubmit, From: editable, To: StageSubmitted, By: byAuthor, Event: "submitted"},
	{Move: MoveAbandon, From: editable, To: StageAbandoned, By: byAuthor},
	{Move: MoveAbandon, From: editable, To: StageAbandoned, By: byReviewer, Reason: true},
	{Move: MoveClaim, From: []Stage{StageSubmitted}, To: StageInReview, By: byReviewer, Event: "claimed"},
	{Move: MoveReleaseClaim, From: []Stage{StageInReview}, To: StageSubmitted, By: []Capacity{AsHolder, AsAdmin}},
	{Move: MoveHandOver, From: []Stage{StageInReview}, By: []Capacity{AsHolder, AsAdmin}},
	{Move: MoveTakeOver, From: []Stage{StageInReview}, By: byReviewer},
	{Move: MoveRecall, From: []Stage{StageSubmitted, StageInReview, StageAwaitingApproval}, To: StageDraft, By: byAuthor, Event: "recalled"},
	{Move: MoveReturn, From: []Stage{StageInReview}, To: StageChangesRequested, By: byHolder, Reason: true, Event: "returned"},
	{Move: MoveReject, From: []Stage{StageInReview}, To: StageRejected, By: byHolder, Reason: true, Event: "rejected"},
	{Move: MoveForward, From: []Stage{StageInReview}, To: StageAwaitingApproval, By: byHolder, Event: "forwarded"},
	{Move: MoveResubmit, From: []Stage{StageAwaitingApproval}, By: byHolder, Event: "forwarded"},
	{Move: MoveWithdrawRequest, From: []Stage{StageAwaitingApproval}, To: StageInReview, By: byReviewer, Event: "recalled"},
	{Move: MoveApprove, From: []Stage{StageAwaitingApproval}, To: StageApproved, By: byApprover, Event: "approved"},
	{Move: MoveRequestChanges, From: []Stage{StageAwaitingApproval}, To: StageChangesRequested, By: byApprover, Reason: true, Event: "returned"},
	{Move: MoveReject, From: []Stage{StageAwaitingApproval}, To: StageRejected, By: byApprover, Reason: true, Event: "rejected"},
	{Move: MoveEmergencyRelease, From: []Stage{StageInReview, StageAwaitingApproval}, To: StageApproved, By: byLeader, Reason: true, Event: "approved"},
	{Move: MoveRelease, From: []Stage{StageApproved, StageScheduled}, To: StageReleased, Then: PublicLive, By: byWorkflow, Event: "published", Clock: true},
	{Move: MoveReschedule, From: []Stage{StageScheduled}, By: []Capacity{AsLeader, AsReviewer}, Event: "scheduled"},
	{Move: MoveUnschedule, From: []Stage{StageApproved, StageScheduled}, To: StageAwaitingApproval, By: []Capacity{AsLeader, AsReviewer}, Event: "recalled"},
	{Move: MoveUndo, From: []Stage{StageApproved, StageScheduled}, To: StageAwaitingApproval, By: byApprover, Event: "recalled"},
	{Move: MoveRevise, From: closed, Public: everLive, To: StageDraft, By: []Capacity{AsAuthor, AsReviewer}},
	{Move: MoveWithdraw, Public: []Public{PublicLive, PublicExpired}, Then: PublicWithdrawn, By: byLeader, Reason: true, Event: "withdrawn"},
	{Move: MoveTakeDown, Public: []Public{PublicLive, PublicWithdrawn, PublicExpired}, Then: PublicTakenDown, By: byLeader, Reason: true, Event: "taken_down"},
	{Move: MoveRestore, Public: []Public{PublicWithdrawn, PublicTakenDown, PublicExpired}, Then: PublicLive, By: byLeader, Reason: true, Event: "restored"},
	{Move: MoveExpire, Public: []Public{PublicLive}, Then: PublicExpired, By: []Capacity{AsWorkflow}, Event: "expired", Clock: true},
	{Move: MoveExpire, Public: []Public{PublicLive}, Then: PublicExpired, By: byReviewer, Reason: true, Event: "expired"},
	{Move: MoveSecondSign, By: byLeader},
	{Move: MoveAdoptPolicy, From: []Stage{StageAwaitingApproval}, By: []Capacity{AsAdmin}, Event: "forwarded"},
	{Move: MoveNotMe, By: byApprover, Hidden: true},
	{Move: MoveComment, By: []Capacity{AsAuthor, AsReviewer, AsLeader, AsAdmin, AsReader}, Hidden: true},
}

// Find returns the ways of move that start at stage and public, none where it is not possible there.
func Find(move Move, stage Stage, public Public) []Way {
	var found []Way
	for _, w := range Ways {
		if w.Move == move && w.starts(stage, public) {
			found = append(found, w)
		}
	}
	return found
}

// Possible reports whether move can start at stage and public at all, for whomever: what the workflow knows without
// asking Postgres.
func Possible(move Move, stage Stage, public Public) bool { return len(Find(move, stage, public)) > 0 }

// takesOff reports the ways in which a person takes an article from readers, or from their lists. A release that was approved before would
// bring it back with nobody having decided so: it is held until a leader has the office asked again. An end of display that the clock
// brings was decided with the text, and the correction that moves it with its own.
func (w Way) takesOff() bool { return !w.Clock && w.Then != "" && w.Then != PublicLive }

// Known reports whether m is a move of the table.
func (m Move) Known() bool {
	return slices.ContainsFunc(Ways, func(w Way) bool { return w.Move == m })
}

func (w Way) starts(stage Stage, public Public) bool {
	return (w.From == nil || slices.Contains(w.From, stage)) && (w.Public == nil || slices.Contains(w.Public, public))
}
