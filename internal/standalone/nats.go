package standalone

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"path/filepath"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"golang.org/x/crypto/bcrypt"
)

const (
	natsUser       = "toasoan"
	natsListen     = "127.0.0.1:4222"
	natsReadyLimit = 30 * time.Second
)

// natsServer is NATS with JetStream in this process.
type natsServer struct {
	server   *server.Server
	password string
	port     *reservation
}

// startNATS starts NATS on loopback with a password and its streams in <data>/nats. It listens on a port although the
// product could talk to it in memory, because `demo` and other tools of the same user connect too.
func startNATS(data, listen string, throwaway bool, log *slog.Logger) (*natsServer, error) {
	password, err := secret(data, "nats")
	if err != nil {
		return nil, err
	}
	// The server is told only the hash. The lowest cost is enough for 130 random bits, which nobody guesses.
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		return nil, fmt.Errorf("hash the password of nats: %w", err)
	}
	options := server.Options{
		ServerName: "toasoan", Host: loopback, Username: natsUser, Password: string(hash),
		NoSigs: true, NoSystemAccount: false,
		JetStream: true, StoreDir: filepath.Join(data, "nats"),
		JetStreamMaxMemory: 256 << 20,
		// An acknowledged publish is on disk, as an acknowledged commit is: after a power cut no durable consumer
		// stands behind an event that the newsroom saw announced. It costs about 1 ms a publish (858/s measured), and
		// the newsroom publishes a few a minute; page views are sent in batches.
		SyncAlways: !throwaway,
	}
	for tries := 0; ; tries++ {
		port, err := reservePort(listen)
		if err != nil {
			return nil, fmt.Errorf("nats: %w", err)
		}
		options.Port = port.port
		started, err := startNATSOn(options, log)
		if err == nil {
			started.port, started.password = port, password
			return started, nil
		}
		port.release()
		if tries == 5 {
			return nil, err
		}
	}
}

func startNATSOn(options server.Options, log *slog.Logger) (*natsServer, error) {
	s, err := server.NewServer(&options)
	if err != nil {
		return nil, fmt.Errorf("set up nats: %w", err)
	}
	s.SetLoggerV2(natsLog{log}, false, false, false)
	s.Start()
	if !s.ReadyForConnections(natsReadyLimit) || !s.JetStreamEnabled() {
		s.Shutdown()
		return nil, errors.New("start nats: not ready; its log lines say why")
	}
	return &natsServer{server: s}, nil
}

// url is how clients connect, with user and password.
func (n *natsServer) url() string {
	return (&url.URL{Scheme: "nats", User: url.UserPassword(natsUser, n.password), Host: n.port.address()}).String()
}

// stop closes connections and streams and returns when everything is written.
func (n *natsServer) stop() {
	n.server.Shutdown()
	n.server.WaitForShutdown()
	n.port.release()
}

// natsLog hands the server's words to our log. Its notices are details to us.
type natsLog struct{ log *slog.Logger }

func (l natsLog) say(level slog.Level, format string, values []any) {
	l.log.Log(nil, level, "nats says", "text", fmt.Sprintf(format, values...)) //nolint:staticcheck // no context in its interface
}

// Noticef and the others implement the server's Logger.
func (l natsLog) Noticef(format string, values ...any) { l.say(slog.LevelDebug, format, values) }
func (l natsLog) Warnf(format string, values ...any)   { l.say(slog.LevelWarn, format, values) }
func (l natsLog) Errorf(format string, values ...any)  { l.say(slog.LevelError, format, values) }

// Fatalf reports only: the server calls it where it would end the process, which is not its to end here.
func (l natsLog) Fatalf(format string, values ...any) { l.say(slog.LevelError, format, values) }
func (l natsLog) Debugf(format string, values ...any) { l.say(slog.LevelDebug, format, values) }
func (l natsLog) Tracef(format string, values ...any) { l.say(slog.LevelDebug, format, values) }
