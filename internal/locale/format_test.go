package locale

import (
	"math"
	"testing"
	"time"
)

func TestFormats(t *testing.T) {
	t.Parallel()
	at := time.Date(2018, 10, 2, 8, 30, 0, 0, time.UTC)
	late := time.Date(2018, 10, 2, 17, 5, 0, 0, time.UTC) // already the 3rd in Vietnam
	for _, c := range []struct{ got, want string }{
		{vi.Number(7448251), "7.448.251"},
		{en.Number(7448251), "7,448,251"},
		{vi.Number(-1000), "-1.000"},
		{vi.Number(999), "999"},
		{vi.Number(math.MinInt64), "-9.223.372.036.854.775.808"},
		{vi.Decimal(4.5), "4,5"},
		{en.Decimal(4.5), "4.5"},
		{vi.Decimal(1234.5), "1.234,5"},
		{vi.Decimal(2), "2"},
		{vi.Decimal(-0.5), "-0,5"},
		{vi.Bytes(850), "850 B"},
		{vi.Bytes(12 << 10), "12 KB"},
		{vi.Bytes(1_258_291), "1,2 MB"},
		{vi.Bytes(15 << 20), "15 MB"},
		{vi.Date(at), "02/10/2018"},
		{vi.Date(late), "03/10/2018"},
		{vi.Time(at), "15:30"},
		{vi.DateTime(at), "02/10/2018 15:30"},
		{en.DateTime(at), "02 Oct 2018 15:30"},
		{vi.ListDate(at), "Thứ Ba, 02/10/2018 | 15:30 (GMT+7)"},
		{en.ListDate(at), "Tuesday, 02 Oct 2018 | 15:30 (GMT+7)"},
		{vi.FormalDate(at), "Thứ Ba, ngày 02 tháng 10 năm 2018"},
		{en.FormalDate(at), "Tuesday, 2 October 2018"},
		{vi.MailTime(at), "15 giờ 30, ngày 02/10/2018"},
		{en.MailTime(at), "15:30 on 02 Oct 2018"},
		{vi.Weekday(time.Date(2018, 10, 7, 5, 0, 0, 0, time.UTC)), "Chủ Nhật"},
		{vi.WorkingLeft(450 * time.Minute), "7 giờ 30 phút làm việc"},
		{vi.WorkingLeft(4 * time.Hour), "4 giờ làm việc"},
		{vi.WorkingLeft(59*time.Minute + time.Second), "1 giờ làm việc"},
		{vi.WorkingLeft(-time.Hour), "0 phút làm việc"},
		{en.WorkingLeft(450 * time.Minute), "7 h 30 min of working time"},
		{vi.WorkingOver(-2 * time.Hour), "02 giờ làm việc"},
		{vi.WorkingOver(-20 * time.Minute), "20 phút làm việc"},
		{vi.WorkingOver(12*time.Hour + 5*time.Minute), "12 giờ 5 phút làm việc"},
		{en.WorkingOver(-2 * time.Hour), "2 h of working time"},
		{vi.Ago(at, at.Add(20*time.Second)), "vừa xong"},
		{vi.Ago(at, at.Add(5*time.Minute)), "5 phút trước"},
		{vi.Ago(at, at.Add(26*time.Hour)), "26 giờ trước"},
		{vi.Ago(at, at.Add(50*time.Hour)), "2 ngày trước"},
		{vi.Ago(at.Add(2*time.Hour), at), "2 giờ nữa"},
		{en.Ago(at, at.Add(5*time.Minute)), "5 min ago"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}
