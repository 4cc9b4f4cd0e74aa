package standalone

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

const (
	logFileLimit = 16 << 20 // bytes; a longer log is put aside when its writer starts
	logFilesKept = 3
)

// openLog opens a child's log for appending, after putting a long one aside as <path>.1, .2, .3.
func openLog(path string) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("make log folder: %w", err)
	}
	if info, err := os.Stat(path); err == nil && info.Size() > logFileLimit {
		for n := logFilesKept - 1; n >= 1; n-- {
			_ = os.Rename(fmt.Sprintf("%s.%d", path, n), fmt.Sprintf("%s.%d", path, n+1))
		}
		if err := os.Rename(path, path+".1"); err != nil {
			return nil, fmt.Errorf("put log aside: %w", err)
		}
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	return file, nil
}

const (
	tailBytes = 32 << 10
	tailLines = 6
	tailWidth = 300 // bytes of a line; some servers write whole stack traces into one
)

// logTail is the end of what was written to a log since the offset, shortened for an error message.
func logTail(path string, since int64) string {
	file, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return ""
	}
	if _, err := file.Seek(max(since, info.Size()-tailBytes), io.SeekStart); err != nil {
		return ""
	}
	tail, _ := io.ReadAll(io.LimitReader(file, tailBytes))
	lines := bytes.Split(bytes.TrimSpace(tail), []byte("\n"))
	lines = lines[max(0, len(lines)-tailLines):]
	for i, line := range lines {
		if len(line) > tailWidth {
			lines[i] = append(line[:tailWidth:tailWidth], "…"...)
		}
	}
	return string(bytes.Join(lines, []byte("\n")))
}
