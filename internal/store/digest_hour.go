package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"toasoan/newsroom"
)

// digestHour is when digests are made where nobody has said otherwise, in minutes after local midnight: at the end of the office's day.
const digestHour = 17 * 60

// digestSetting is the setting's key that holds digestHours.
const digestSetting = "digest_hours"

// digestHours say at which minute after local midnight digests are made from a day on, oldest first. Former ones are kept: a cut
// begins where the one before it ended, so that a change of the hour tells no article twice and loses none.
type digestHours []digestSince

type digestSince struct {
	Since  string `json:"since"` // 2026-11-24
	Minute int    `json:"minute"`
}

// on is the minute at which the digests of day are made.
func (h digestHours) on(day newsroom.Date) int {
	minute := digestHour
	for _, one := range h {
		if one.Since <= day.String() {
			minute = one.Minute
		}
	}
	return minute
}

// cut is the moment at which the digests of day are made.
func (h digestHours) cut(day newsroom.Date) time.Time {
	return day.Start().Add(time.Duration(h.on(day)) * time.Minute)
}

// digestMemory is how many days back a former hour may still begin a cut: two weeks, and long holidays between.
const digestMemory = 60

// from is h with minute from day on, without what is forgotten.
func (h digestHours) from(day newsroom.Date, minute int) digestHours {
	old := newsroom.DateOf(day.Start().AddDate(0, 0, -digestMemory)).String()
	kept := slices.DeleteFunc(slices.Clone(h), func(one digestSince) bool { return one.Since >= day.String() })
	for len(kept) > 1 && kept[1].Since <= old {
		kept = kept[1:]
	}
	return append(kept, digestSince{day.String(), minute})
}

func (s *Store) digestHours(ctx context.Context) (h digestHours, err error) {
	return h, s.Setting(ctx, digestSetting, &h)
}

// DigestMinute is when digests are made from tomorrow on, in minutes after local midnight.
func (s *Store) DigestMinute(ctx context.Context) (int, error) {
	hours, err := s.digestHours(ctx)
	return hours.on(newsroom.DateOf(s.now()).Next()), err
}

// SaveDigestMinute changes when digests are made, from tomorrow on. *newsroom.InvalidError for a minute that no day has.
func (s *Store) SaveDigestMinute(ctx context.Context, by newsroom.Person, minute int) error {
	if minute < 0 || minute >= 24*60 {
		return &newsroom.InvalidError{Fields: []newsroom.FieldError{{Field: "digest", Code: "bad_clock"}}}
	}
	hours, err := s.digestHours(ctx)
	if err != nil {
		return fmt.Errorf("save the hour of digests: %w", err)
	}
	return s.SaveSetting(ctx, by, digestSetting, hours.from(newsroom.DateOf(s.now()).Next(), minute))
}
