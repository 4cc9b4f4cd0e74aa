package store

import (
	"net"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// mostSilent is how long the database, or we, may not acknowledge anything on a connection: then the machine or the way to it is gone,
// and whoever waits goes on with another connection. The kernel alone gives up after a quarter of an hour, or never where it only waits.
const mostSilent = 30 * time.Second

// dialing makes both ends of a connection notice that the other one is gone: ours by its socket, the database's by its settings. The
// database has no bound on what we have not read yet: who downloads a long list may pause.
func dialing(c *pgconn.Config) {
	const idle, interval, probes = 10 * time.Second, 5 * time.Second, 4
	c.DialFunc = (&net.Dialer{
		Timeout: 10 * time.Second, Control: giveUpAfter(mostSilent),
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: idle, Interval: interval, Count: probes},
	}).DialContext
	for name, value := range map[string]int{
		"tcp_keepalives_idle": int(idle.Seconds()), "tcp_keepalives_interval": int(interval.Seconds()), "tcp_keepalives_count": probes,
	} {
		c.RuntimeParams[name] = strconv.Itoa(value)
	}
}
