package main

import (
	"errors"
	"flag"
	"io"
	"maps"
	"strings"
	"testing"
	"time"
)

func TestReadSettings(t *testing.T) {
	t.Parallel()
	env := map[string]string{
		"TEMPORALD_POSTGRES_HOST": "/run/pg", "TEMPORALD_NAMESPACE": "from-env", "TEMPORALD_RETENTION": "48h",
		passwordVariable: "s3cret",
	}
	s, err := readSettings([]string{"--namespace", "from-flag", "-ui-port=0"}, read(env), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	want := settings{
		postgresHost: "/run/pg", postgresPort: 5432, postgresUser: "temporal", postgresPassword: "s3cret",
		postgresSSLMode: "disable", database: "temporal", visibilityDatabase: "temporal_visibility",
		frontendPort: 7233, uiPort: 0, namespace: "from-flag", retention: 48 * time.Hour,
		logLevel: "warn", logFormat: "json", startWait: time.Minute, parentPID: -1,
	}
	if s != want {
		t.Errorf("got  %+v\nwant %+v", s, want)
	}
	if _, err := readSettings([]string{"-help"}, read(nil), io.Discard); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("-help: %v", err)
	}
}

func TestRefusedSettings(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"-retention 1m":                 "shorter than one hour",
		"-log-level loud":               "none of debug",
		"-log-format xml":               "neither json nor console",
		"-database a":                   "", // alone it is fine
		"-visibility-database temporal": "must be two databases",
		"-frontend-port 70000":          "no port",
		"-frontend-port 8233":           "are both 8233",
		"-postgres-port 0":              "no port",
		"-parent-pid -2":                "no process",
		"-ready-file /nowhere/at/all":   "no directory",
		"-start-wait 0s":                "no time to start",
		"-namespace=":                   "-namespace is empty",
		"extra":                         "unexpected argument",
	} {
		_, err := readSettings(strings.Fields(args), read(nil), io.Discard)
		if want == "" {
			if err != nil {
				t.Errorf("%s: %v", args, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", args, err, want)
		}
	}
}

func TestRefusesAllAtOnce(t *testing.T) {
	t.Parallel()
	env := map[string]string{"TEMPORALD_UI_PORT": "x", "TEMPORALD_RETENTION": "1s"}
	_, err := readSettings([]string{"-log-level", "loud"}, read(env), io.Discard)
	for _, part := range []string{"TEMPORALD_UI_PORT", "shorter than one hour", "none of debug"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%q is missing in %v", part, err)
		}
	}
}

func read(env map[string]string) func(string) string {
	env = maps.Clone(env)
	return func(name string) string { return env[name] }
}
