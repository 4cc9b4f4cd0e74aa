// Package testkit gives each test its own piece of real servers: a migrated database, a NATS server, a Temporal
// namespace. The servers are started once and shared: those of the folder that TOASOAN_TEST_SERVERS names (`make test`
// starts them for all packages), else private ones that this test process starts when first asked and that end with it.
// Read servers.go first; the mail tests' oracle is package smtpfake below.
package testkit
