package bounce

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"time"
)

// Certificate is the receiver's certificate and key, from two PEM files that somebody else renews: each handshake looks whether
// they have changed. While they do not belong together, as halfway through a renewal, the former certificate goes on.
type Certificate struct {
	certFile, keyFile string
	log               *slog.Logger

	mu   sync.Mutex
	from [2]stamp // the files that the certificate was made from, or that were refused last
	cert *tls.Certificate
}

// stamp tells one content of a file from the next.
type stamp struct {
	at   time.Time
	size int64
}

// LoadCertificate refuses files that are missing, unreadable or no certificate with its key, in one sentence.
func LoadCertificate(certFile, keyFile string, log *slog.Logger) (*Certificate, error) {
	c := &Certificate{certFile: certFile, keyFile: keyFile, log: log}
	var err error
	if c.from, err = c.look(); err != nil {
		return nil, err
	}
	c.cert, err = c.read()
	return c, err
}

// config is what the receiver's handshakes go by.
func (c *Certificate) config() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current(), nil }}
}

// current is the certificate of the files as they are now, or the last good one.
func (c *Certificate) current() *tls.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	now, err := c.look()
	if err == nil && now == c.from {
		return c.cert
	}
	var fresh *tls.Certificate
	if err == nil {
		fresh, err = c.read()
	}
	if c.from = now; err != nil {
		c.log.Warn("renewed certificate is not used", "error", err)
		return c.cert
	}
	c.cert = fresh
	c.log.Info("certificate was renewed", "until", fresh.Leaf.NotAfter)
	return fresh
}

func (c *Certificate) look() (found [2]stamp, err error) {
	for i, name := range []string{c.certFile, c.keyFile} {
		info, err := os.Stat(name)
		if err != nil {
			return found, fmt.Errorf("read %s: %w", name, bare(err))
		}
		found[i] = stamp{info.ModTime(), info.Size()}
	}
	return found, nil
}

func (c *Certificate) read() (*tls.Certificate, error) {
	var pem [2][]byte
	for i, name := range []string{c.certFile, c.keyFile} {
		content, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, bare(err))
		}
		pem[i] = content
	}
	cert, err := tls.X509KeyPair(pem[0], pem[1])
	if err != nil {
		return nil, fmt.Errorf("%s and %s are no certificate with its key: %w", c.certFile, c.keyFile, err)
	}
	return &cert, nil
}

// bare is an error of a file without the name, which stands before it already.
func bare(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}
