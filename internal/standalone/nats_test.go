package standalone

import (
	"bytes"
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

func TestNATSKeepsItsStreamsAndItsPassword(t *testing.T) {
	t.Parallel()
	o := Options{Data: reachableFolder(t), NATS: true}
	first := startStack(t, o)
	publish(t, first.NATSURL, "events.one")
	if err := first.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	second := startStack(t, o)
	conn := natsConn(t, second.NATSURL)
	stream, err := jetstreamOf(t, conn).Stream(t.Context(), "EVENTS")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := stream.GetMsg(t.Context(), 1); err != nil || string(got.Data) != "once" {
		t.Errorf("after the restart: %v, %v", got, err)
	}
	stranger := strings.Replace(second.NATSURL, natsUser+":", natsUser+":x", 1)
	if conn, err := nats.Connect(stranger); err == nil {
		conn.Close()
		t.Error("a wrong password is accepted")
	}
	if strings.Contains(second.NATSURL, "127.0.0.1") == false {
		t.Errorf("NATS is not on loopback: %s", second.NATSURL)
	}
}

// The server knows only a hash of the password, so it has nothing to warn about.
func TestNATSHasNothingToWarnAbout(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	s, err := Start(t.Context(), Options{
		Data: reachableFolder(t), NATS: true, Throwaway: true, Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		t.Fatal(err)
	}
	publish(t, s.NATSURL, "events.one")
	if err := s.Close(t.Context()); err != nil { // nobody writes any more
		t.Fatal(err)
	}
	if said := log.String(); said != "" {
		t.Errorf("nats warned: %s", said)
	}
}

func TestNATSSurvivesKill(t *testing.T) {
	t.Parallel()
	o := Options{Data: reachableFolder(t), NATS: true}
	left := killedProgram(t, o)
	s := startStack(t, o)
	publish(t, s.NATSURL, "events.two")
	if left.NATSURL == "" {
		t.Error("the killed program did not tell its address")
	}
	kept, err := os.Stat(o.Data + "/secrets/nats")
	if err != nil || kept.Mode().Perm() != 0o600 {
		t.Errorf("password file: %v, %v; want 0600", kept, err)
	}
}

func natsConn(t *testing.T, url string) *nats.Conn {
	t.Helper()
	conn, err := nats.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return conn
}

func jetstreamOf(t *testing.T, conn *nats.Conn) jetstream.JetStream {
	t.Helper()
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

func publish(t *testing.T, url, subject string) {
	t.Helper()
	js := jetstreamOf(t, natsConn(t, url))
	if _, err := js.CreateOrUpdateStream(t.Context(), jetstream.StreamConfig{Name: "EVENTS", Subjects: []string{"events.>"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := js.Publish(t.Context(), subject, []byte("once")); err != nil {
		t.Fatal(err)
	}
}
