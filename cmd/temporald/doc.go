// Command temporald runs the real Temporal server as one process for one machine: frontend, history, matching and
// worker share it, everything durable lives in two PostgreSQL databases, and no socket is opened beyond 127.0.0.1.
// Its rule is that it holds nothing of its own: it may be killed at any moment and started again on the same databases,
// and it refuses to start rather than serve a schema or a namespace that is not as it should be.
// Read server.go first (what is configured and why), then run.go (the order of the start and the stop).
//
// # What a caller relies on
//
// Once the frontend answers and the namespace can be used, temporald prints the line "ready"
// on standard output, and nothing else there ever; logs go to standard error. With -ready-file it also writes
// {"pid", "frontend", "ui", "namespace"} to that file (mode 0600, replaced atomically, removed on a clean stop).
//
// SIGTERM or SIGINT stops it within ten seconds. It ends at once when the process that started it is gone (see
// parent.go). The exit code is 0 after a clean stop, 2 for wrong settings, 1 for everything else.
// Search attributes are the product's affair: it registers them, here as on a server that somebody else runs, and can use
// them the moment they are registered.
package main
