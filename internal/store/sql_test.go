package store_test

import (
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"toasoan/internal/testkit"
)

// TestEverySQLConstantPrepares reads every constant of the package whose name begins with sql and has PostgreSQL prepare it, so
// that a misspelt column is found here and not by a user. Pieces of statements have other names.
func TestEverySQLConstantPrepares(t *testing.T) {
	t.Parallel()
	statements := sqlConstants(t)
	if len(statements) < 100 {
		t.Fatalf("only %d statements were found", len(statements))
	}
	owner, _ := testkit.Database(t)
	conn, err := pgx.Connect(t.Context(), owner)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	for name, text := range statements {
		sql, _, err := pgx.NamedArgs{}.RewriteQuery(t.Context(), conn, text, nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if _, err := conn.Prepare(t.Context(), "", sql); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// sqlConstants evaluates the package's constants without its imports, on which none of them may depend.
func sqlConstants(t *testing.T) map[string]string {
	t.Helper()
	set := token.NewFileSet()
	packages, err := parser.ParseDir(set, ".", func(f fs.FileInfo) bool { return !strings.HasSuffix(f.Name(), "_test.go") }, 0) //nolint:staticcheck // no build tags here
	if err != nil {
		t.Fatal(err)
	}
	var files []*ast.File
	for _, file := range packages["store"].Files {
		files = append(files, file)
	}
	check := types.Config{Error: func(error) {}, Importer: noImports{}}
	checked, _ := check.Check("store", set, files, nil) // imports are missing: only the constants matter
	found := map[string]string{}
	for _, name := range checked.Scope().Names() {
		c, ok := checked.Scope().Lookup(name).(*types.Const)
		switch {
		case !ok || !strings.HasPrefix(name, "sql"):
		case c.Val().Kind() == constant.String:
			found[name] = constant.StringVal(c.Val())
		case name != "sqlAppRole": // it names a role, and can be prepared by nobody
			t.Errorf("%s depends on another package: nobody prepares it", name)
		}
	}
	return found
}

type noImports struct{}

func (noImports) Import(path string) (*types.Package, error) {
	empty := types.NewPackage(path, path[strings.LastIndexByte(path, '/')+1:])
	empty.MarkComplete()
	return empty, nil
}
