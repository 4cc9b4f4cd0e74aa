// Package workflows holds replayed code only: one file per workflow, each following one thing from beginning to end. It
// decides what comes next and never touches the world itself; whatever has an effect is an activity. Read article.go first,
// then messages.go and options.go.
package workflows
