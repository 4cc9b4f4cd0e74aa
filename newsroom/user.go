package newsroom

import (
	"slices"
	"time"
)

// Account is a person with what the account page and the admin see of it. It carries no secret, only whether there is one.
type Account struct {
	Person
	PenName     string
	Phone       string
	HasPassword bool
	HasPIN      bool
	PINVoid     bool // "not me" ended it: only the mailed link sets another
	HasTOTP     bool
	Recovery    int // one-time recovery codes that are left
	CreatedAt   time.Time
	PasswordAt  *time.Time
	SeenAt      *time.Time // newest use of a session that still stands
}

// AccountInput is what the admin (or the person, for the personal part) writes of an account.
type AccountInput struct {
	Email    string
	Name     string
	Title    string
	PenName  string
	Phone    string
	Locale   string
	Roles    []Role
	Sections []string
	Active   bool
}

// Limits of secrets, in characters.
const (
	MinPassword = 10
	MaxPassword = 200
	MinPIN      = 6
	MaxPIN      = 12
)

// PasswordTrouble says what is wrong with a new password, "" nothing: too short, too long, or one that is guessed first. Length
// counts, not its mix of characters (NIST SP 800-63B §5.1.1).
func PasswordTrouble(password, email, name string) string {
	runes := []rune(password)
	switch {
	case len(runes) < MinPassword:
		return "password_short"
	case len(runes) > MaxPassword:
		return "too_long"
	case distinct(runes) < 5, password == email, password == name:
		return "password_easy"
	}
	return ""
}

// PINTrouble says what is wrong with a new PIN, "" nothing: digits only, MinPIN to MaxPIN of them, neither one digit repeated nor
// a run up or down.
func PINTrouble(pin string) string {
	if len(pin) < MinPIN || len(pin) > MaxPIN {
		return "pin_length"
	}
	up, down := true, true
	for i := range len(pin) {
		if pin[i] < '0' || pin[i] > '9' {
			return "pin_digits"
		}
		if i > 0 {
			up = up && pin[i] == pin[i-1]+1
			down = down && pin[i] == pin[i-1]-1
		}
	}
	if up || down || distinct([]rune(pin)) < 3 {
		return "pin_easy"
	}
	return ""
}

func distinct(runes []rune) int {
	seen := slices.Clone(runes)
	slices.Sort(seen)
	return len(slices.Compact(seen))
}

// SignIn is the answer to an address with a password: who it is, and what is still wanted.
type SignIn struct {
	Person      Person
	WantsTOTP   bool
	FailedSince int // wrong passwords on this account and address since the last success
}

// LockedError says that this account and network address must wait; other addresses may go on.
type LockedError struct{ Until time.Time } // zero: no time opens it

func (e *LockedError) Error() string { return "too many wrong passwords, locked for a while" }

// SessionInfo is one signed-in browser. ID names it for its owner and opens nothing.
type SessionInfo struct {
	ID        string
	Device    string
	CreatedAt time.Time
	SeenAt    time.Time
	Current   bool
}

// Scope is what an API token may do.
type Scope string

const (
	// ScopeWrite writes and moves articles as its owner, but does not decide.
	ScopeWrite Scope = "write"
	// ScopeDecide approves, refuses and withdraws. Only its owner issues it, with the own PIN.
	ScopeDecide Scope = "decide"
	// ScopeAdmin runs subscribers and settings.
	ScopeAdmin Scope = "admin"
	// ScopeBounces reports what came back about mails and can do nothing else: for the relay's configuration. Only an admin issues it.
	ScopeBounces Scope = "bounces"
)

// Scopes lists every scope.
var Scopes = []Scope{ScopeWrite, ScopeDecide, ScopeAdmin, ScopeBounces}

// Token is an API token as its owner sees it: never its value.
type Token struct {
	ID        string
	UserID    string
	Scopes    []Scope
	Label     string
	CreatedAt time.Time
	UsedAt    *time.Time
	ExpiresAt *time.Time
}

// Has reports whether t carries scope.
func (t Token) Has(scope Scope) bool { return slices.Contains(t.Scopes, scope) }

// Device is a phone that a leader trusted by giving the PIN on it.
type Device struct {
	ID        string
	UserID    string
	Label     string
	CreatedAt time.Time
	UsedAt    time.Time
	ExpiresAt time.Time
}

// LinkKind is the one purpose of a mailed account link.
type LinkKind string

const (
	// LinkPassword sets a password: a new account or a forgotten one.
	LinkPassword LinkKind = "password"
	// LinkPIN sets a PIN on the admin's invitation.
	LinkPIN LinkKind = "pin"
)

// AccountLink is a mailed link that still works.
type AccountLink struct {
	ID        string
	Kind      LinkKind
	Account   Account
	ExpiresAt time.Time
}

// FirstStart is what an empty newsroom asks for: who it is, its sections, who approves, and the first admin.
type FirstStart struct {
	Office   OfficeInfo
	Sections []string // names
	Approver string   // name of the office that approves
	Admin    AccountInput
	Password string
}
