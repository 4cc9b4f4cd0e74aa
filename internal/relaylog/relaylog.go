// Package relaylog asks the log of a mail relay whether it took a mail: Postfix (and what is built around it, as Zimbra) and Exim write
// down the Message-ID. A mail behind whose dot no answer came, because the worker, the network or the relay died just then, is either in
// there, and need not be sent a second time, or nothing is known of it.
//
// A log is another program's, and its lines repeat what strangers said to that program: a line counts only where it has the shape of one
// that the relay writes itself. Nothing of it leaves this package but the relay's own name for a mail.
package relaylog

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Log is a relay's log with the files that were rotated out of it, which begin with the same name, also compressed by gzip.
type Log struct {
	path string
}

// New is the log at path. It opens nothing yet.
func New(path string) *Log { return &Log{path: path} }

// slack is how far the relay's clock and that of the files may be off.
const slack = time.Hour

// Took looks for mails by their Message-IDs (without brackets) and returns, for each that the relay has accepted, the relay's name for it.
// since is when the first of them can have been accepted: files that ended before are not read. A mail that is not named may have been
// accepted all the same: a busy relay writes that down late, logs lose lines, and are thrown away.
func (l *Log) Took(ctx context.Context, messageIDs []string, since time.Time) (map[string]string, error) {
	files, err := l.open(since.Add(-slack))
	if err != nil {
		return nil, err
	}
	defer closeAll(files)
	r := newReader(messageIDs)
	for _, f := range files { // the oldest first: Postfix's two lines about a mail may stand in two of them
		if err := read(ctx, f, r.line); err != nil {
			return nil, fmt.Errorf("relay's log: %w", err)
		}
	}
	return r.took, nil
}

// Check reports that the log can be read, and whether it speaks of any mail that was accepted: if it does not, it may be another's.
func (l *Log) Check(ctx context.Context) (speaks bool, err error) {
	files, err := l.open(time.Time{})
	if err != nil {
		return false, err
	}
	defer closeAll(files)
	enough := errors.New("enough")
	for _, f := range slices.Backward(files) {
		err := read(ctx, f, func(line []byte) error {
			if _, _, ok := postfixQueued(line); ok {
				return enough
			}
			if _, _, ok := exim(line); ok {
				return enough
			}
			return nil
		})
		if errors.Is(err, enough) {
			return true, nil
		}
		if err != nil {
			return false, fmt.Errorf("relay's log: %w", err)
		}
	}
	return false, nil
}

// open opens every file that was written to at or after since, the oldest first. The log itself is opened before its folder is looked at:
// one that is rotated meanwhile is then either open or found under its new name.
func (l *Log) open(since time.Time) (files []*os.File, err error) {
	var infos []os.FileInfo
	// What is no file, or is too old, is not even opened: a pipe would be waited for, and an old file may be closed to us.
	due := func(info os.FileInfo) bool { return info.Mode().IsRegular() && !info.ModTime().Before(since) }
	add := func(path string) error {
		if info, err := os.Stat(path); err == nil && !due(info) {
			return nil
		}
		f, err := os.Open(path) //nolint:gosec // the operator's setting
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		info, err := f.Stat()
		if err != nil || !due(info) ||
			slices.ContainsFunc(infos, func(o os.FileInfo) bool { return os.SameFile(o, info) }) {
			return errors.Join(err, f.Close())
		}
		at, _ := slices.BinarySearchFunc(infos, info, func(a, b os.FileInfo) int { return a.ModTime().Compare(b.ModTime()) })
		infos, files = slices.Insert(infos, at, info), slices.Insert(files, at, f)
		return nil
	}
	defer func() {
		if err != nil {
			closeAll(files)
			files = nil
		}
	}()
	info, err := os.Stat(l.path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no file", l.path)
	}
	if err := add(l.path); err != nil {
		return files, err
	}
	folder, name := filepath.Split(l.path)
	entries, err := os.ReadDir(filepath.Clean(folder))
	if err != nil {
		return files, err
	}
	for _, e := range entries {
		if rest, ok := strings.CutPrefix(e.Name(), name); ok && len(rest) > 1 && strings.ContainsAny(rest[:1], ".-") {
			if err := add(filepath.Join(folder, e.Name())); err != nil {
				return files, err
			}
		}
	}
	return files, nil
}

func closeAll(files []*os.File) {
	for _, f := range files {
		_ = f.Close()
	}
}

// longest is how much of a line is looked at: ours are short, and what strangers make long is not ours.
const longest = 16 << 10

// read calls line for each whole line of a file, until ctx ends. A file that is just being packed ends early: what it is packed from is
// still beside it.
func read(ctx context.Context, f *os.File, line func([]byte) error) error {
	var from io.Reader = f
	if strings.HasSuffix(f.Name(), ".gz") {
		unzipped, err := gzip.NewReader(f)
		if cut(err) {
			return nil
		}
		if err != nil {
			return err
		}
		from = unzipped
	}
	lines := bufio.NewReaderSize(from, longest)
	for n := 0; ; n++ {
		text, err := lines.ReadSlice('\n')
		switch {
		case cut(err): // what follows the last line end is still being written
			return nil
		case errors.Is(err, bufio.ErrBufferFull):
			if err := skipLine(lines); err != nil {
				return err
			}
			continue
		case err != nil:
			return err
		}
		if err := line(bytes.TrimRight(text, "\r\n")); err != nil {
			return err
		}
		if n%1024 == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
}

func skipLine(lines *bufio.Reader) error {
	for {
		_, err := lines.ReadSlice('\n')
		if err == nil || cut(err) {
			return nil
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
	}
}

func cut(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) }
