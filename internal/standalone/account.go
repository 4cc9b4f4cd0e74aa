package standalone

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// account is the user a server runs as. PostgreSQL refuses to run as root.
type account struct {
	name     string
	uid, gid uint32
	borrowed bool // we are root and lend the server another user
}

// serverAccount is ourselves, or, when we are root, the unprivileged user "postgres", else "nobody".
func serverAccount() (account, error) {
	if os.Geteuid() != 0 {
		own, err := user.Current()
		if err != nil {
			return account{}, fmt.Errorf("look up own user: %w", err)
		}
		return account{name: own.Username, uid: uint32(os.Geteuid()), gid: uint32(os.Getegid())}, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		found, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uidErr := strconv.ParseUint(found.Uid, 10, 32)
		gid, gidErr := strconv.ParseUint(found.Gid, 10, 32)
		if err := errors.Join(uidErr, gidErr); err != nil {
			return account{}, fmt.Errorf("read ids of user %s: %w", name, err)
		}
		return account{name: name, uid: uint32(uid), gid: uint32(gid), borrowed: true}, nil
	}
	return account{}, errors.New("PostgreSQL must not run as root and there is neither a user postgres nor nobody: " +
		"run as another user, or add one (useradd --system postgres)")
}

// run makes a command start as the account.
func (a account) run(cmd *exec.Cmd) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	if a.borrowed {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: a.uid, Gid: a.gid}
	}
}

// own gives a path to the account.
func (a account) own(path string) error {
	if !a.borrowed {
		return nil
	}
	return os.Lchown(path, int(a.uid), int(a.gid))
}

// reaches tells whether the account may pass through every folder down to path (which must exist).
func (a account) reaches(path string) (bool, error) {
	if !a.borrowed {
		return true, nil
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return false, err
	}
	for folder := real; ; folder = filepath.Dir(folder) {
		info, err := os.Stat(folder)
		if err != nil {
			return false, err
		}
		if !a.passes(info) {
			return false, nil
		}
		if folder == filepath.Dir(folder) {
			return true, nil
		}
	}
}

func (a account) passes(info fs.FileInfo) bool {
	owner, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !ok:
		return false
	case owner.Uid == a.uid:
		return info.Mode().Perm()&0o100 != 0
	case owner.Gid == a.gid:
		return info.Mode().Perm()&0o010 != 0
	default:
		return info.Mode().Perm()&0o001 != 0
	}
}

// privateFolder makes a folder that the account alone may enter, and refuses one that somebody else made before us
// (a name under /tmp can be guessed).
func (a account) privateFolder(path string) error {
	if err := os.Mkdir(path, 0o700); err == nil {
		return a.own(path)
	} else if !errors.Is(err, fs.ErrExist) {
		return err
	}
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || !info.IsDir() || (owner.Uid != a.uid && owner.Uid != uint32(os.Geteuid())) {
		return fmt.Errorf("%s belongs to somebody else", path)
	}
	if err := a.own(path); err != nil {
		return err
	}
	return os.Chmod(path, 0o700)
}
