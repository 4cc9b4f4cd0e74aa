package relaylog

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// ids are those of the mails that the recorded logs speak of.
const (
	first, second = "d.article00001.aaaa@vankhe.example.vn", "d.article00001.bbbb@vankhe.example.vn"
	queued1       = "Nov 23 05:40:02 mail postfix/cleanup[811]: 4XyZ1w2Q3z: message-id=<" + first + ">\n"
	active1       = "Nov 23 05:40:02 mail postfix/qmgr[802]: 4XyZ1w2Q3z: from=<b+k7@bounce.vankhe.example.vn>, size=29604, nrcpt=1 (queue active)\n"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func took(t *testing.T, text string) map[string]string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "mail.log")
	write(t, path, text)
	got, err := New(path).Took(t.Context(), []string{first, second}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestRecordedLogs(t *testing.T) {
	for _, c := range []struct {
		file string
		want map[string]string
	}{
		{"postfix.log", map[string]string{first: "B5E03ACC353"}}, // the second went away before the last byte
		{"exim.log", map[string]string{first: "1xVMsT-0007PR-2s"}},
	} {
		t.Run(c.file, func(t *testing.T) {
			path := filepath.Join("testdata", c.file)
			got, err := New(path).Took(t.Context(), []string{first, second}, time.Time{})
			if err != nil || !maps.Equal(got, c.want) {
				t.Errorf("took %v, %v; want %v", got, err, c.want)
			}
			if speaks, err := New(path).Check(t.Context()); err != nil || !speaks {
				t.Errorf("the log says nothing: %v", err)
			}
		})
	}
}

func TestOnlyTheRelaysOwnLinesCount(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       bool
	}{
		{"queued", queued1 + active1, true},
		{"another instance, time as RFC 3339, carriage return", "2026-11-23T05:40:02.1+07:00 mail postfix-out/cleanup[811]: 4XyZ1w2Q3z: message-id=<" + first + ">\r\n" + strings.Replace(active1, "postfix/", "postfix-out/", 1), true},
		{"its headers were read, no more", queued1, false},
		{"queued before its headers were read: another mail of that name", active1 + queued1, false},
		{"the name was given to another mail", queued1 + strings.Replace(queued1, first, "x@y", 1) + active1, false},
		{"the name was given to a mail of a strange Message-ID", queued1 + strings.Replace(queued1, "<"+first+">", "x y", 1) + active1, false},
		{"the name was given to a mail without Message-ID", queued1 + strings.Replace(queued1, first, "", 1) + active1, false},
		{"refused by a milter", queued1 + strings.Replace(active1, "qmgr", "cleanup", 1), false},
		{"of another mail", queued1 + strings.Replace(active1, "4XyZ1w2Q3z", "4XyZ1w2Q3y", 1), false},
		{"a Message-ID that only holds it", strings.Replace(queued1, "<"+first, "<x "+first, 1) + active1, false},
		{"another program", strings.Replace(queued1, "cleanup", "smtpd", 1) + active1, false},
		{"said by a stranger: HELO", "Nov 23 05:40:02 mail postfix/smtpd[9]: NOQUEUE: reject: RCPT from x[1.2.3.4]: helo=<mail postfix/cleanup[811]: 4XyZ1w2Q3z: message-id=<" + first + ">\n" + active1, false},
		{"said by a stranger: Message-ID", "Nov 23 05:40:02 mail postfix/cleanup[9]: 4A: message-id=<mail postfix/cleanup[811]: 4XyZ1w2Q3z: message-id=<" + first + ">\n" + active1, false},
		{"expired, not queued", queued1 + "Nov 23 05:40:02 mail postfix/qmgr[802]: 4XyZ1w2Q3z: from=<b@c>, status=expired, returned to sender\n", false},
		{"not written to its end", queued1 + strings.TrimSuffix(active1, "\n"), false},
		{"behind a line without end", strings.Repeat("x", 100_000) + queued1 + active1, false},
		{"behind a long line", strings.Repeat("x", 100_000) + "\n" + queued1 + active1, true},
		{"Exim", "2026-11-23 05:46:09 1xVMsT-0007PR-2s <= <> H=x [127.0.0.1] P=esmtp S=291 id=" + first + " T=\"x\"\n", true},
		{"Exim by syslog", "Nov 23 05:46:09 mail exim[12]: 1xVMsT-000000007PR-2s3d <= a@b H=x [127.0.0.1] P=esmtps S=291 id=" + first + "\n", true},
		{"Exim: a subject that speaks of it", "2026-11-23 05:46:09 1xVMsT-0007PR-2s <= a@b H=x P=esmtp S=291 id=x@y T=\"id=" + first + " \"\n", false},
		{"Exim: no mail's name", "2026-11-23 05:46:09 refused <= a@b H=x P=esmtp S=291 id=" + first + "\n", false},
		{"nothing", "", false},
	} {
		if _, got := took(t, c.text)[first]; got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestRotatedLogsAreReadToo(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "mail.log")
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	if _, err := z.Write([]byte(strings.ReplaceAll(queued1+active1, first, second))); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for _, f := range []struct {
		name, text string
		ended      time.Time
	}{
		{"mail.log", active1, now},
		{"mail.log.1", queued1, now.Add(-time.Minute)}, // its two lines stand in two files
		{"mail.log.2.gz", zipped.String(), now.Add(-2 * time.Hour)},
		{"mail.logic", strings.ReplaceAll(queued1+active1, first, "other@x"), now}, // another program's
	} {
		write(t, filepath.Join(folder, f.name), f.text)
		if err := os.Chtimes(filepath.Join(folder, f.name), f.ended, f.ended); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		since time.Time
		want  []string
	}{
		{now.Add(-90 * time.Minute), []string{first, second}}, // clocks may be off
		{now, []string{first}},
	} {
		got, err := New(path).Took(t.Context(), []string{first, second, "other@x"}, c.since)
		if found := slices.Sorted(maps.Keys(got)); err != nil || !slices.Equal(found, c.want) {
			t.Errorf("since %s: %v, %v; want %v", c.since, found, err, c.want)
		}
	}
}

func TestALogThatCannotBeReadIsAnError(t *testing.T) {
	folder := t.TempDir()
	if _, err := New(filepath.Join(folder, "mail.log")).Took(t.Context(), []string{first}, time.Now()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no log: %v", err)
	}
	write(t, filepath.Join(folder, "mail.log"), "nothing to do with mail\n")
	write(t, filepath.Join(folder, "mail.log.1.gz"), "not zipped")
	if _, err := New(filepath.Join(folder, "mail.log")).Took(t.Context(), []string{first}, time.Now()); err == nil {
		t.Error("a broken archive is no error")
	}
	if err := os.Remove(filepath.Join(folder, "mail.log.1.gz")); err != nil {
		t.Fatal(err)
	}
	if speaks, err := New(filepath.Join(folder, "mail.log")).Check(t.Context()); err != nil || speaks {
		t.Errorf("another's log speaks: %v, %v", speaks, err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("the worker ends")
	cancel(why)
	if _, err := New(filepath.Join(folder, "mail.log")).Took(ctx, []string{first}, time.Now()); !errors.Is(err, why) {
		t.Errorf("read on after the end: %v", err)
	}
}

// FuzzLines holds that no line of another program, however it looks, names a mail that is not in it.
func FuzzLines(f *testing.F) {
	f.Add(queued1 + active1)
	f.Add("2026-11-23 05:46:09 1xVMsT-0007PR-2s <= a@b id=" + first + "\n")
	f.Add("x]: /qmgr[1]: : from=<(queue active)\n <=  id=\n")
	f.Fuzz(func(t *testing.T, text string) {
		for id, name := range took(t, text) {
			if !strings.Contains(text, id) || !strings.Contains(text, name) || name == "" {
				t.Errorf("%q as %q is not in %q", id, name, text)
			}
		}
	})
}

// A log is packed beside the file that it is packed from: what is there already is read, and nothing is wrong.
func TestALogThatIsJustBeingPackedIsNoError(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "mail.log")
	write(t, path, "")
	write(t, path+".1", queued1+active1)
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	for range 3 {
		if _, err := z.Write([]byte(queued1 + active1)); err != nil {
			t.Fatal(err)
		}
		if err := z.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{0, 1, 5, 10, 11, zipped.Len() / 2, zipped.Len() - 9, zipped.Len() - 1} {
		write(t, path+".1.gz", zipped.String()[:size])
		if got, err := New(path).Took(t.Context(), []string{first}, time.Now()); err != nil || got[first] == "" {
			t.Errorf("%d of %d bytes are packed: %v, %v", size, zipped.Len(), got, err)
		}
	}
}
