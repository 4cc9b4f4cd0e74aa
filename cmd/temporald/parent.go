package main

import (
	"fmt"
	"os"
	"time"
)

// parentPoll is how often the parent is looked at: one system call, and the longest an orphan lives.
const parentPoll = 200 * time.Millisecond

// dieWithParent ends this process at once when its parent is gone, so that a product killed with -9 leaves no server
// behind that holds the port. Nothing is lost by it: what Temporal has acknowledged is committed in PostgreSQL.
//
// It polls getppid, because prctl(PR_SET_PDEATHSIG) follows the parent's thread, not the parent: a Go program may end
// the thread that forked us at any time, and a healthy server would be killed.
//
// want is the parent to expect, -1 for whoever it is now, 0 for nobody. It fails if want is not the parent any more.
func dieWithParent(want int) error {
	if want == 0 {
		return nil
	}
	now := os.Getppid()
	if want == -1 {
		want = now
	}
	if now != want {
		return fmt.Errorf("parent process %d is gone", want)
	}
	if want == 1 { // started by init or as the child of a container's first process: it never goes before us
		return nil
	}
	go func() {
		for range time.Tick(parentPoll) {
			if os.Getppid() != want {
				fmt.Fprintln(os.Stderr, "temporald: parent process", want, "is gone, ending")
				os.Exit(1)
			}
		}
	}()
	return nil
}
