//go:build linux

package events_test

import (
	"testing"
	"time"

	"toasoan/internal/testkit"
)

// A network that is cut says nothing. A process leaves a server that it cannot reach, for another one where there is a cluster, and goes on
// once the network is whole: what is announced then is heard.
func TestACutNetworkIsNoticed(t *testing.T) {
	t.Parallel()
	if !testkit.OwnNetwork(t) {
		return
	}
	bus := role(t, testkit.NATS(t))
	heard := listen(t, bus)
	announce(t, bus, 1)
	eventually(t, "the event is heard", func() bool { return heard.feeds.Load() == 1 && heard.views.Load() == 1 })
	testkit.Loopback(t, false)
	cut := time.Now()
	for bus.Up() {
		if time.Since(cut) > time.Minute {
			t.Fatal("nobody notices in a minute")
		}
		time.Sleep(100 * time.Millisecond)
	}
	testkit.Loopback(t, true)
	eventually(t, "it is back", bus.Up)
	announce(t, bus, 2)
	eventually(t, "it goes on", func() bool { return heard.feeds.Load() == 2 && heard.views.Load() == 2 })
}
