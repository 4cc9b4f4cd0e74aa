// Command toasoan is the product's one binary: the whole newsroom on one machine (run), or one of its roles against servers of
// their own (web, worker, consumers), and the tools to operate it. Each subcommand is one file; app.go is the only place that
// knows which concrete types meet which interfaces. Read main.go first.
package main
