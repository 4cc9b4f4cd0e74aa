// Package reply lets leaders decide by answering an approval mail, where the section's policy allows it: it turns an answer that came
// in into the same recorded move that every other door makes. Its rule is that an answer counts only when the leader's own domain
// signed it, it answers a mail of ours and carries what only that mail held; everything else is ignored or answered with the link.
// Read handle.go first.
package reply
