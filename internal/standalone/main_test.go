package standalone

import (
	"bufio"
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// helperOptions makes this test binary a program that starts a Stack, says so and waits to be killed.
const helperOptions = "STANDALONE_TEST_HELPER"

func TestMain(m *testing.M) {
	if wanted := os.Getenv(helperOptions); wanted != "" {
		helper(wanted)
		return
	}
	os.Exit(m.Run())
}

func helper(wanted string) {
	var o Options
	if err := json.Unmarshal([]byte(wanted), &o); err != nil {
		panic(err)
	}
	o.Log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	if _, err := Start(context.Background(), o); err != nil {
		panic(err)
	}
	_, _ = os.Stdout.WriteString("up\n")
	select {}
}

// killedProgram runs a program on the options' data folder and kills it with -9 once all its servers are up and each
// use of them was made.
func killedProgram(t *testing.T, o Options, uses ...func(Run)) Run {
	t.Helper()
	o.Log = nil
	wanted, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), helperOptions+"="+string(wanted))
	cmd.Stderr = t.Output()
	output, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(output).ReadString('\n')
	if err != nil || line != "up\n" {
		_ = cmd.Process.Kill()
		t.Fatalf("helper said %q: %v; %v", line, err, cmd.Wait())
	}
	run, err := ReadRun(o.Data)
	if err != nil {
		t.Fatal(err)
	}
	for _, use := range uses {
		use(run)
	}
	if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	return run
}
