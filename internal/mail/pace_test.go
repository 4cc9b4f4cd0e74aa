package mail

import (
	"testing"
	"time"
)

// Everybody who waits for a place waits in a row; who changes the pace, as who looks after the seats does each second, waits for nobody.
func TestAPaceIsChangedWhileOthersWait(t *testing.T) {
	t.Parallel()
	p := &pace{ledger: newMemory(), skew: newSkew(), rate: 1}
	const lanes = 12
	taken := make(chan error, lanes)
	for range lanes {
		go func() {
			_, err := p.take(t.Context())
			taken <- err
		}()
	}
	for range 2 { // the rest waits until the row reaches less far ahead
		if err := <-taken; err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now()
	if n := p.reached(); n != 1 {
		t.Errorf("the relay complains at %v a second", n)
	}
	p.set(50)
	if waited := time.Since(began); waited > askAgain/2 {
		t.Errorf("the pace was changed after %s", waited)
	}
	for range lanes - 2 {
		if err := <-taken; err != nil {
			t.Fatal(err)
		}
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("at fifty a second the rest waited for %s", took)
	}
}
