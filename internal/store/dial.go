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

// dialing makes both ends of a connection notice that the other one is gone: ours by its socket, the database's by its settings, so that
// it keeps no locks for a machine that was switched off, nor for a process that was stopped in the middle of reading an answer, which to
// the database is no idle transaction. Whoever reads answers must not pause: what somebody downloads is read in pages.
func dialing(c *pgconn.Config) {
	const idle, interval, probes = 10 * time.Second, 5 * time.Second, 4
	c.DialFunc = (&net.Dialer{
		Timeout: 10 * time.Second, Control: giveUpAfter(mostSilent),
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: idle, Interval: interval, Count: probes},
	}).DialContext
	for name, value := range map[string]int{
		"tcp_keepalives_idle": int(idle.Seconds()), "tcp_keepalives_interval": int(interval.Seconds()), "tcp_keepalives_count": probes,
		"tcp_user_timeout": int(mostSilent.Milliseconds()),
	} {
		c.RuntimeParams[name] = strconv.Itoa(value)
	}
}
