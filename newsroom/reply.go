package newsroom

// Replied is what became of a mailed answer to an approval mail.
type Replied struct {
	MailID    string // Message-ID; kept as a keyed hash
	AskID     string
	UserID    string
	ArticleID string
	RequestID string // the move it made; "" none
	What      string // decided, refused, unclear, closed, not_allowed, no_original, unsigned, other_sender
	Why       string // what the leader is told; "" nothing
}
