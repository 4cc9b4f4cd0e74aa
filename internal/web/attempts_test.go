package web

import (
	"testing"

	"toasoan/newsroom"
)

// What went out a second time was tried twice, whether or not the relay said so the second time.
func TestAttemptsCountTheLastOneToo(t *testing.T) {
	t.Parallel()
	for _, one := range []struct {
		row  newsroom.DeliveryRow
		want int
	}{
		{newsroom.DeliveryRow{State: newsroom.DeliveryPending}, 0},
		{newsroom.DeliveryRow{State: newsroom.DeliverySent, Code: 250}, 1},
		{newsroom.DeliveryRow{State: newsroom.DeliverySoft, Attempt: 1, Code: 451}, 1},
		{newsroom.DeliveryRow{State: newsroom.DeliveryInDoubt, Attempt: 1}, 1},
		{newsroom.DeliveryRow{State: newsroom.DeliveryResent, Attempt: 1, Code: 250}, 2},
		{newsroom.DeliveryRow{State: newsroom.DeliveryResent, Attempt: 2}, 2},
	} {
		if n := attempts(one.row); n != one.want {
			t.Errorf("%s after %d with %d: %d attempts, want %d", one.row.State, one.row.Attempt, one.row.Code, n, one.want)
		}
	}
}
