package standalone

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
)

// ClientTool finds one of PostgreSQL's client programs (pg_dump, pg_restore) for a server of a major version: of that version if it is
// installed, else of the next newer one, which older servers allow.
func ClientTool(ctx context.Context, data, name string, major int) (string, error) {
	folders := append(postgresFolders(), filepath.Join(data, "postgres-binaries", "bin"))
	packaged, _ := filepath.Glob("/usr/lib/postgresql/*/bin") // also where the client alone is installed
	folders = append(folders, packaged...)
	if onPath, err := exec.LookPath(name); err == nil {
		folders = append(folders, filepath.Dir(onPath))
	}
	best, found := 0, ""
	for _, folder := range folders {
		path := filepath.Join(folder, name)
		output, err := exec.CommandContext(ctx, path, "--version").Output()
		if err != nil {
			continue
		}
		version := postgresVersion.FindSubmatch(output)
		if version == nil {
			continue
		}
		if n, _ := strconv.Atoi(string(version[1])); n >= major && (best == 0 || n < best) {
			best, found = n, path
		}
	}
	if found == "" {
		return "", fmt.Errorf("%s of PostgreSQL %d is not installed here: apt-get install postgresql-client-%d", name, major, major)
	}
	return found, nil
}
