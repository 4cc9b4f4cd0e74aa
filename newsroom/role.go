package newsroom

import "slices"

// Role is what the office lets an account do. One account may hold several.
type Role string

const (
	// RoleContributor (Cộng tác viên) writes own articles.
	RoleContributor Role = "contributor"
	// RoleReporter (Phóng viên) writes own articles.
	RoleReporter Role = "reporter"
	// RoleCommenter reads what is being worked on and comments, nothing else.
	RoleCommenter Role = "commenter"
	// RoleReviewer (Biên tập viên, Ban Tuyên giáo) edits, returns, rejects and forwards in its sections.
	RoleReviewer Role = "reviewer"
	// RoleLeader (Lãnh đạo) approves, asks for changes, rejects, withdraws and delegates.
	RoleLeader Role = "leader"
	// RoleAdmin (Quản trị) runs users, sections, calendar, policy, subscribers and settings.
	RoleAdmin Role = "admin"
)

// Roles lists every role, the least powerful first.
var Roles = []Role{RoleContributor, RoleReporter, RoleCommenter, RoleReviewer, RoleLeader, RoleAdmin}

// Person is an account as the rules see it. It carries no secret.
type Person struct {
	ID       string
	Email    string
	Name     string
	Title    string // chức vụ, as printed in mails
	Locale   string // "vi" or "en"
	Roles    []Role
	Sections []string // sections a reviewer works in; empty means all of them
	Active   bool
}

// Is reports whether p holds role and may still sign in.
func (p Person) Is(role Role) bool { return p.Active && slices.Contains(p.Roles, role) }

// Writes reports whether p may have articles of their own.
func (p Person) Writes() bool {
	return p.Is(RoleReporter) || p.Is(RoleContributor) || p.Is(RoleReviewer)
}

// Reviews reports whether p is a reviewer of section.
func (p Person) Reviews(section string) bool {
	return p.Is(RoleReviewer) && (len(p.Sections) == 0 || slices.Contains(p.Sections, section))
}

// Reads reports whether p may see an article that is not public: its author, the bureau, leaders, commenters
// and the admin.
func (p Person) Reads(authorID string) bool {
	return p.Active && (p.ID == authorID || p.Is(RoleReviewer) || p.Is(RoleLeader) || p.Is(RoleCommenter) || p.Is(RoleAdmin))
}

// HoldsPIN reports whether p may have a PIN: whoever can be asked to decide by a mailed link.
func (p Person) HoldsPIN() bool { return p.Is(RoleLeader) || p.Is(RoleAdmin) }

// Capacity is the standing in which somebody acted; the record keeps it for ever.
type Capacity string

const (
	// AsAuthor acts on an own article.
	AsAuthor Capacity = "author"
	// AsReviewer acts as a reviewer of the article's section.
	AsReviewer Capacity = "reviewer"
	// AsHolder acts as the reviewer who holds the edit lock.
	AsHolder Capacity = "lock_holder"
	// AsApprover decides as holder of the office asked.
	AsApprover Capacity = "approver"
	// AsDeputy decides for another ("ký thay"): under a dated delegation, or since the other's time was over.
	AsDeputy Capacity = "deputy"
	// AsLeader acts as a leader on what is public.
	AsLeader Capacity = "leader"
	// AsAdmin acts as administrator; decides only where neither a deputy nor the chief was left to be asked.
	AsAdmin Capacity = "admin"
	// AsReader comments on what is being worked on, nothing else.
	AsReader Capacity = "reader"
	// AsWorkflow is the clock: release, reminders, expiry.
	AsWorkflow Capacity = "workflow"
)

// Door is where a move came in.
type Door string

const (
	// DoorPage is a signed-in desk page.
	DoorPage Door = "page"
	// DoorLink is the mailed approval link.
	DoorLink Door = "link"
	// DoorAPI is a bearer token.
	DoorAPI Door = "api"
	// DoorReply is a mail reply, where the policy allows it.
	DoorReply Door = "reply"
	// DoorClock is the workflow itself.
	DoorClock Door = "clock"
)
