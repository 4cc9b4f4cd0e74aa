package standalone

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
)

// oldestPostgres is the oldest major version we use: since 15 nobody but a database's owner may make tables in it.
const oldestPostgres = 15

// ErrNoPostgres says that no usable PostgreSQL is installed here.
var ErrNoPostgres = errors.New("no PostgreSQL found on PATH or in /usr/lib/postgresql: " +
	"install it (apt-get install postgresql) or set DATABASE_URL")

// postgresBinaries is one installation of the PostgreSQL server.
type postgresBinaries struct {
	folder string
	major  int
}

func (b postgresBinaries) path(tool string) string { return filepath.Join(b.folder, tool) }

var postgresVersion = regexp.MustCompile(`\(PostgreSQL\) (\d+)`)

// findPostgres picks an installation from folders (best first): for an existing cluster the first of its major version,
// else the first that we can use. It refuses with ErrNoPostgres.
func findPostgres(ctx context.Context, folders []string, clusterMajor int) (postgresBinaries, error) {
	var found []postgresBinaries
	for _, folder := range folders {
		if binaries, ok := inspectPostgres(ctx, folder); ok {
			found = append(found, binaries)
		}
	}
	if len(found) == 0 {
		return postgresBinaries{}, ErrNoPostgres
	}
	if clusterMajor == 0 {
		return found[0], nil
	}
	for _, binaries := range found {
		if binaries.major == clusterMajor {
			return binaries, nil
		}
	}
	return postgresBinaries{}, fmt.Errorf("the data was written by PostgreSQL %d, which is not installed any more (found %d): "+
		"install it (apt-get install postgresql-%d)", clusterMajor, found[0].major, clusterMajor)
}

// postgresFolders lists the folders that may hold a server: the one on PATH, then those of packages, newest first.
func postgresFolders() []string {
	var folders []string
	if onPath, err := exec.LookPath("postgres"); err == nil {
		if real, err := filepath.EvalSymlinks(onPath); err == nil {
			folders = append(folders, filepath.Dir(real))
		}
	}
	var packaged []string
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin"} {
		matches, _ := filepath.Glob(pattern) // the patterns are well-formed
		packaged = append(packaged, matches...)
	}
	slices.SortFunc(packaged, func(a, b string) int { return majorInPath(b) - majorInPath(a) })
	for _, folder := range packaged {
		if !slices.Contains(folders, folder) {
			folders = append(folders, folder)
		}
	}
	return folders
}

var digits = regexp.MustCompile(`\d+`)

func majorInPath(folder string) int {
	major, _ := strconv.Atoi(digits.FindString(folder))
	return major
}

// inspectPostgres accepts a folder that holds every tool we call, of a version that we can use.
func inspectPostgres(ctx context.Context, folder string) (postgresBinaries, bool) {
	for _, tool := range []string{"postgres", "initdb", "pg_ctl"} {
		if info, err := os.Stat(filepath.Join(folder, tool)); err != nil || info.Mode()&0o111 == 0 {
			return postgresBinaries{}, false
		}
	}
	output, err := exec.CommandContext(ctx, filepath.Join(folder, "postgres"), "--version").Output()
	if err != nil {
		return postgresBinaries{}, false
	}
	version := postgresVersion.FindSubmatch(bytes.TrimSpace(output))
	if version == nil {
		return postgresBinaries{}, false
	}
	major, err := strconv.Atoi(string(version[1]))
	return postgresBinaries{folder: folder, major: major}, err == nil && major >= oldestPostgres
}
