package newsroom

import (
	"strings"
	"testing"
	"time"
)

func TestPasswordTrouble(t *testing.T) {
	t.Parallel()
	for password, want := range map[string]string{
		"một câu ngắn dễ nhớ": "", "ngắn": "password_short", "chín ký t": "password_short", "mười ký tự": "",
		strings.Repeat("ab c", 51): "too_long", "aaaaaaaaaaaaaaa": "password_easy", "abababababab": "password_easy",
		"lan@vankhe.example": "password_easy", "Lê Thị Lan Anh": "password_easy",
	} {
		if got := PasswordTrouble(password, "lan@vankhe.example", "Lê Thị Lan Anh"); got != want {
			t.Errorf("%q is %q, want %q", password, got, want)
		}
	}
}

func TestPINTrouble(t *testing.T) {
	t.Parallel()
	for pin, want := range map[string]string{
		"836152": "", "012846": "", "83615": "pin_length", "8361528361528": "pin_length", "": "pin_length", "83615a": "pin_digits", "８３６１５２": "pin_length",
		"123456": "pin_easy", "987654": "pin_easy", "000000": "pin_easy", "121212": "pin_easy",
	} {
		if got := PINTrouble(pin); got != want {
			t.Errorf("%q is %q, want %q", pin, got, want)
		}
	}
}

func TestCardSaysHowMuchTimeIsLeft(t *testing.T) {
	t.Parallel()
	cal := DefaultCalendar()
	start := time.Date(2018, 10, 2, 16, 20, 0, 0, Zone) // Tuesday
	due := time.Date(2018, 10, 3, 10, 50, 0, 0, Zone)
	card := Card{Clock: Clock{Kind: ClockReview, Start: start, Minutes: 240}, Due: &due}
	for _, c := range []struct {
		now  time.Time
		left time.Duration
		used int
		late bool
	}{
		{start, 4 * time.Hour, 0, false},
		{time.Date(2018, 10, 2, 23, 0, 0, 0, Zone), 200 * time.Minute, 17, false}, // the night does not count
		{time.Date(2018, 10, 3, 10, 2, 0, 0, Zone), 48 * time.Minute, 80, false},
		{due, 0, 100, true},
		{time.Date(2018, 10, 3, 14, 0, 0, 0, Zone), -70 * time.Minute, 100, true}, // nor does the lunch break
	} {
		left, used := card.Left(cal, c.now)
		if left != c.left || used != c.used || card.Late(c.now) != c.late {
			t.Errorf("at %s: %s left, %d %% used, late %v; want %s, %d, %v", c.now.Format("02/01 15:04"), left, used, card.Late(c.now), c.left, c.used, c.late)
		}
	}
	if left, used := (Card{}).Left(cal, start); left != 0 || used != 0 || (Card{}).Late(start) {
		t.Error("nobody is on the clock, yet time passes")
	}
}
