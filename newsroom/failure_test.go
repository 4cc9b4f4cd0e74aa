package newsroom

import "testing"

func TestFailureOf(t *testing.T) {
	t.Parallel()
	for _, one := range []struct {
		state    DeliveryState
		code     int
		enhanced string
		want     Failure
	}{
		{DeliveryHard, 550, "5.1.1", FailureNoAddress},
		{DeliveryHard, 550, "5.1.2", FailureNoDomain},
		{DeliveryHard, 550, "5.2.1", FailureDisabled},
		{DeliverySoft, 452, "4.2.2", FailureFull},
		{DeliveryExpired, 552, "", FailureFull},
		{DeliveryHard, 552, "5.3.4", FailureTooLarge},
		{DeliveryHard, 554, "5.7.1", FailureContent},
		{DeliverySoft, 450, "4.7.1", FailureSlowDown},
		{DeliverySoft, 421, "", FailureSlowDown},
		{DeliverySoft, 451, "", FailureLater},
		{DeliveryInDoubt, 0, "", FailureNoAnswer},
		{DeliveryResent, 250, "2.0.0", FailureNoAnswer},
		{DeliverySoft, 0, "", FailureNoRelay},
		{DeliveryHard, 550, "", FailureRefused},
		{DeliveryHard, 550, "nonsense", FailureRefused},
	} {
		if got := FailureOf(one.state, one.code, one.enhanced); got != one.want {
			t.Errorf("%+v is %s", one, got)
		}
	}
}
