package smtpfake

import "time"

// Stage is a point of the conversation at which a script is asked.
type Stage string

// The stages, in the order of a conversation. A script sees each once per occurrence.
const (
	Banner   Stage = "banner" // the client has connected; reply 220
	EHLO     Stage = "EHLO"   // also HELO
	STARTTLS Stage = "STARTTLS"
	AUTH     Stage = "AUTH" // the credentials are complete; Step.Command is without them
	MAIL     Stage = "MAIL"
	RCPT     Stage = "RCPT"
	DATA     Stage = "DATA" // reply 354
	Body     Stage = "body" // 354 was sent, or a BDAT chunk was announced; nothing of it is read yet
	BDAT     Stage = "BDAT" // a chunk that is not the last was read
	Dot      Stage = "dot"  // the whole message was read, by DATA or BDAT LAST
	RSET     Stage = "RSET"
	NOOP     Stage = "NOOP"
	QUIT     Stage = "QUIT"
	Other    Stage = "other" // VRFY, HELP, or no command at all
)

// Step is what the server tells its script.
type Step struct {
	Stage   Stage
	Conn    int      // number of the connection, from 1
	Open    int      // connections open just now, with this one
	Message int      // number of the message on this connection, from 1 with its MAIL; 0 before
	Nth     int      // how often this stage came on the whole server, from 1
	Command string   // the line as received, without CR LF; empty for Banner, Body and Dot
	From    string   // envelope sender so far
	To      []string // recipients accepted so far; at RCPT without the one asked about
	Rcpt    string   // at RCPT, the recipient asked about
	Data    []byte   // at Dot, the message; not to be changed
	TLS     bool
}

// Store says whether a message counts as accepted.
type Store int

// What becomes of a message at its dot.
const (
	StoreByReply Store = iota // accepted when a 2xx reply goes out (Raw counts as the reply that it stands for)
	StoreAlways               // accepted whatever is replied: with Drop DropBefore, the relay that took it and never said so
	StoreNever                // not accepted, even behind a 250: the relay that lies
)

// Drop says whether the connection ends here.
type Drop int

// When the connection is closed.
const (
	Keep       Drop = iota
	DropBefore      // instead of the reply
	DropAfter       // when the reply is written
)

// Action is what the server does at a step. The zero Action is what a well-behaved relay does. What the server makes of
// the command follows the code, also where Raw or Drop keep the client from learning it. A Body with a reply, a Raw or a
// Drop is answered in place of being read, and the connection ends.
type Action struct {
	Code      int           // reply code, 0 for the usual one
	Text      string        // reply text, with an enhanced code if wanted; lines are separated by \n
	Raw       []byte        // written as it is in place of the reply: garbage, half a reply, two replies
	Delay     time.Duration // before the reply; at Body, before reading
	ByteDelay time.Duration // the reply goes out byte by byte, each in its own packet, with this pause (1 ns: none)
	Drop      Drop
	Abort     bool // close with RST instead of FIN
	Hang      bool // never reply; ends when the client or the server closes
	Store     Store

	// CutAfter, at Body, closes the connection when at least this many bytes of the body were read.
	CutAfter int
	// PerByte, at Body, is how long the reading of each byte of the body takes: one byte a second is time.Second.
	PerByte time.Duration
}

// Script decides what the server does at a step. It is called from many connections at once.
type Script func(Step) Action

// Reply is an Action that only replies.
func Reply(code int, text string) Action { return Action{Code: code, Text: text} }

// At is a Script that does the action at one stage, and the usual at all others.
func At(stage Stage, action Action) Script {
	return func(s Step) Action {
		if s.Stage == stage {
			return action
		}
		return Action{}
	}
}

// Nth is a Script that does the action when the stage comes for the n-th time, from 1, and the usual otherwise.
func Nth(stage Stage, n int, action Action) Script {
	return func(s Step) Action {
		if s.Stage == stage && s.Nth == n {
			return action
		}
		return Action{}
	}
}
