package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// passwordVariable names the one setting that is never a flag: arguments can be read by every user of the machine.
const passwordVariable = "TEMPORALD_POSTGRES_PASSWORD"

// settings is everything temporald can be told. Each flag has an environment variable of the same name:
// -postgres-host is TEMPORALD_POSTGRES_HOST. The flag wins.
type settings struct {
	postgresHost       string // host name, or the absolute path of a socket directory
	postgresPort       int
	postgresUser       string
	postgresPassword   string
	postgresSSLMode    string
	database           string
	visibilityDatabase string

	frontendPort int // 0: any free port, told in the ready file
	uiPort       int // 0: no UI
	namespace    string
	retention    time.Duration // of closed runs, at least one hour

	logLevel  string
	logFormat string
	readyFile string
	startWait time.Duration // how long PostgreSQL and the server may take until ready
	parentPID int           // -1: whoever started us; 0: nobody is watched
}

// readSettings parses args over env and reports all that is wrong at once. It returns flag.ErrHelp after -help.
func readSettings(args []string, env func(string) string, out io.Writer) (settings, error) {
	var s settings
	flags := flag.NewFlagSet("temporald", flag.ContinueOnError)
	flags.SetOutput(out)
	flags.StringVar(&s.postgresHost, "postgres-host", "127.0.0.1", "PostgreSQL `host`, or the absolute path of its socket directory")
	flags.IntVar(&s.postgresPort, "postgres-port", 5432, "PostgreSQL `port`")
	flags.StringVar(&s.postgresUser, "postgres-user", "temporal", "PostgreSQL `role`; its password comes from "+passwordVariable)
	flags.StringVar(&s.postgresSSLMode, "postgres-sslmode", "disable", "libpq `sslmode` of the connections")
	flags.StringVar(&s.database, "database", "temporal", "`database` of workflow state, created if missing")
	flags.StringVar(&s.visibilityDatabase, "visibility-database", "temporal_visibility", "`database` of the search index, created if missing")
	flags.IntVar(&s.frontendPort, "frontend-port", 7233, "gRPC `port` on 127.0.0.1 (0: any free one, see -ready-file)")
	flags.IntVar(&s.uiPort, "ui-port", 8233, "`port` of the Temporal UI on 127.0.0.1 (0: off)")
	flags.StringVar(&s.namespace, "namespace", "toasoan", "`namespace` to register")
	flags.DurationVar(&s.retention, "retention", 168*time.Hour, "how `long` closed runs are kept")
	flags.StringVar(&s.logLevel, "log-level", "warn", "`debug`, info, warn or error")
	flags.StringVar(&s.logFormat, "log-format", "json", "`json` or console")
	flags.StringVar(&s.readyFile, "ready-file", "", "also write a JSON `file` when ready")
	flags.DurationVar(&s.startWait, "start-wait", 60*time.Second, "give up when not ready after this `long`")
	flags.IntVar(&s.parentPID, "parent-pid", -1, "end when this parent `process` is gone (-1: whoever started us, 0: watch nobody)")

	var wrong []error
	flags.VisitAll(func(f *flag.Flag) {
		name := "TEMPORALD_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		if value := env(name); value != "" {
			if err := f.Value.Set(value); err != nil {
				wrong = append(wrong, fmt.Errorf("%s: %q cannot be read as %s", name, value, f.Name))
			}
		}
	})
	if err := flags.Parse(args); err != nil {
		return settings{}, err
	}
	if flags.NArg() > 0 {
		wrong = append(wrong, fmt.Errorf("unexpected argument %q", flags.Arg(0)))
	}
	s.postgresPassword = env(passwordVariable)
	return s, errors.Join(append(wrong, s.check()...)...)
}

func (s settings) check() (wrong []error) {
	refuse := func(when bool, format string, args ...any) {
		if when {
			wrong = append(wrong, fmt.Errorf(format, args...))
		}
	}
	refuse(s.postgresHost == "", "-postgres-host is empty")
	refuse(s.postgresUser == "", "-postgres-user is empty")
	refuse(s.database == "" || s.visibilityDatabase == "", "-database and -visibility-database need a name")
	refuse(s.database == s.visibilityDatabase, "-database and -visibility-database must be two databases, both are %q", s.database)
	refuse(s.postgresPort < 1 || s.postgresPort > 65535, "-postgres-port %d is no port", s.postgresPort)
	refuse(s.frontendPort < 0 || s.frontendPort > 65535, "-frontend-port %d is no port", s.frontendPort)
	refuse(s.uiPort < 0 || s.uiPort > 65535, "-ui-port %d is no port", s.uiPort)
	refuse(s.uiPort != 0 && s.uiPort == s.frontendPort, "-ui-port and -frontend-port are both %d", s.uiPort)
	refuse(s.namespace == "", "-namespace is empty")
	refuse(s.retention < time.Hour, "-retention %s is shorter than one hour", s.retention)
	refuse(s.startWait <= 0, "-start-wait %s leaves no time to start", s.startWait)
	refuse(s.logFormat != "json" && s.logFormat != "console", "-log-format %q is neither json nor console", s.logFormat)
	switch s.logLevel {
	case "debug", "info", "warn", "error":
	default:
		refuse(true, "-log-level %q is none of debug, info, warn, error", s.logLevel)
	}
	if dir := filepath.Dir(s.readyFile); s.readyFile != "" {
		info, err := os.Stat(dir)
		refuse(err != nil || !info.IsDir(), "-ready-file: %s is no directory", dir)
	}
	refuse(s.parentPID < -1, "-parent-pid %d is no process", s.parentPID)
	return wrong
}
