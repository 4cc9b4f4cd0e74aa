package main

import (
	"time"

	"toasoan/newsroom"
)

// The demo unit is the commune Vân Khê in the province Sông Vân: neither exists, nor do its people.

var demoOffice = newsroom.OfficeInfo{
	Portal: "Cổng thông tin điện tử xã Vân Khê", Unit: "Ủy ban nhân dân xã Vân Khê", Parent: "Tỉnh Sông Vân", Bureau: "Ban Tuyên giáo",
	Address: "Số 1, đường Trung tâm, xã Vân Khê, tỉnh Sông Vân", Phone: "0200 3812 345", Email: "banbientap@vankhe.example",
	Chief: "Vương Quốc Trúc, Chủ tịch UBND xã, Trưởng ban Biên tập", License: "Giấy phép số 12/GP-TTĐT do cơ quan quản lý cấp ngày 01/7/2025", Accent: "red",
}

var demoHotlines = []newsroom.Hotline{
	{Name: "Tiếp nhận phản ánh, kiến nghị", Phone: "0200 3812 111"},
	{Name: "Công an xã (trực 24/24)", Phone: "0200 3812 113"},
	{Name: "Trạm Y tế xã", Phone: "0200 3812 115"},
}

var demoSections = []newsroom.Section{
	{ID: "tin-tuc-su-kien", NameVI: "Tin tức – Sự kiện", NameEN: "News and events"},
	{ID: "chi-dao-dieu-hanh", NameVI: "Chỉ đạo, điều hành", NameEN: "Direction and administration"},
	{ID: "xay-dung-dang-chinh-quyen", NameVI: "Xây dựng Đảng – Chính quyền", NameEN: "Party and government building"},
	{ID: "mat-tran-doan-the", NameVI: "Mặt trận – Đoàn thể", NameEN: "Fatherland Front and unions"},
	{ID: "cai-cach-hanh-chinh", NameVI: "Cải cách hành chính", NameEN: "Administrative reform"},
	{ID: "chuyen-doi-so", NameVI: "Chuyển đổi số", NameEN: "Digital transformation"},
	{ID: "kinh-te", NameVI: "Kinh tế", NameEN: "Economy"},
	{ID: "van-hoa-xa-hoi", NameVI: "Văn hóa – Xã hội", NameEN: "Culture and society"},
	{ID: "quoc-phong-an-ninh", NameVI: "Quốc phòng – An ninh", NameEN: "Defence and security"},
	{ID: "xay-dung-nong-thon-moi", NameVI: "Xây dựng nông thôn mới", NameEN: "New rural development"},
	{ID: "thong-bao", NameVI: "Thông báo", NameEN: "Notices"},
	{ID: "guong-nguoi-tot-viec-tot", NameVI: "Gương người tốt, việc tốt", NameEN: "Good people, good deeds"},
}

// demoPerson is an account of the demo newsroom; its role names it in demo.json.
type demoPerson struct {
	role   string
	in     newsroom.AccountInput
	pin    bool
	scopes []newsroom.Scope
}

var (
	writes  = []newsroom.Scope{newsroom.ScopeWrite}
	decides = []newsroom.Scope{newsroom.ScopeWrite, newsroom.ScopeDecide}
)

var demoPeople = []demoPerson{
	{role: "admin", scopes: []newsroom.Scope{newsroom.ScopeWrite, newsroom.ScopeAdmin}, in: newsroom.AccountInput{
		Email: "quan-tri@vankhe.example", Name: "Đỗ Nhật Khoa", Title: "Công chức phụ trách công nghệ thông tin", Roles: []newsroom.Role{newsroom.RoleAdmin},
	}},
	{role: "reporter", scopes: writes, in: newsroom.AccountInput{
		Email: "phong-vien@vankhe.example", Name: "Lương Hải Yên", Title: "Phóng viên", PenName: "Hải Yên", Roles: []newsroom.Role{newsroom.RoleReporter},
	}},
	{role: "contributor", scopes: writes, in: newsroom.AccountInput{
		Email: "cong-tac-vien@vankhe.example", Name: "Đặng Khê Sơn", Title: "Cộng tác viên thôn Suối Trong", PenName: "Khê Sơn", Roles: []newsroom.Role{newsroom.RoleContributor},
	}},
	{role: "reviewer", scopes: writes, in: newsroom.AccountInput{
		Email: "bien-tap@vankhe.example", Name: "Bùi Thu Lam", Title: "Biên tập viên, Ban Tuyên giáo", PenName: "Thu Lam", Roles: []newsroom.Role{newsroom.RoleReviewer},
	}},
	{role: "leader", pin: true, scopes: decides, in: newsroom.AccountInput{
		Email: "lanh-dao@vankhe.example", Name: "Hoàng Đình Khải", Title: "Phó Chủ tịch UBND xã, Phó Trưởng ban Biên tập", Roles: []newsroom.Role{newsroom.RoleLeader},
	}},
	{role: "deputy", pin: true, scopes: decides, in: newsroom.AccountInput{
		Email: "pho-lanh-dao@vankhe.example", Name: "Tạ Minh Hiên", Title: "Trưởng ban Tuyên giáo", Roles: []newsroom.Role{newsroom.RoleLeader},
	}},
	{role: "chief", pin: true, scopes: decides, in: newsroom.AccountInput{
		Email: "chu-tich@vankhe.example", Name: "Vương Quốc Trúc", Title: "Chủ tịch UBND xã, Trưởng ban Biên tập", Roles: []newsroom.Role{newsroom.RoleLeader},
	}},
}

// Offices that approve: the editorial board, and the chairman for what directs the commune.
const (
	demoBoard    = "ban-bien-tap"
	demoChairman = "chu-tich-ubnd"
)

// demoSeats say who holds which office.
var demoSeats = []struct {
	office, role string
	deputy       bool
}{{demoBoard, "leader", false}, {demoBoard, "deputy", true}, {demoChairman, "chief", false}}

var demoOffices = []newsroom.Office{
	{ID: demoBoard, Name: "Lãnh đạo Ban Biên tập", Position: 1},
	{ID: demoChairman, Name: "Chủ tịch UBND xã", Chief: true, Position: 2},
}

// demoPolicies are the sections that are approved otherwise than by one of the board: what directs the commune goes to the chairman
// too, and what concerns the Party waits a day in which its approval can be taken back.
func demoPolicies() map[string]newsroom.Policy {
	board := newsroom.DefaultPolicy(demoBoard)
	directs := newsroom.DefaultPolicy(demoBoard)
	directs.Steps = append(directs.Steps, newsroom.Step{Office: demoChairman, Quorum: newsroom.QuorumAny})
	cools := newsroom.DefaultPolicy(demoBoard)
	cools.CoolingOffMinutes = 24 * 60
	return map[string]newsroom.Policy{"": board, "chi-dao-dieu-hanh": directs, "xay-dung-dang-chinh-quyen": cools}
}

// demoDays are the holidays and swapped days of 2026 and, as far as they can be foreseen, of 2027.
func demoDays() []newsroom.CalendarDay {
	var days []newsroom.CalendarDay
	add := func(kind newsroom.DayKind, name string, year int, month time.Month, dates ...int) {
		for _, d := range dates {
			days = append(days, newsroom.CalendarDay{Date: newsroom.Date{Year: year, Month: month, Day: d}, Kind: kind, Name: name})
		}
	}
	add(newsroom.DayOff, "Tết Dương lịch", 2026, time.January, 1)
	add(newsroom.DayOff, "Nghỉ hoán đổi với ngày 10/01/2026", 2026, time.January, 2)
	add(newsroom.DayWorking, "Làm bù cho ngày 02/01/2026", 2026, time.January, 10)
	add(newsroom.DayOff, "Tết Nguyên đán Bính Ngọ", 2026, time.February, 16, 17, 18, 19, 20)
	add(newsroom.DayOff, "Nghỉ bù Giỗ Tổ Hùng Vương", 2026, time.April, 27)
	add(newsroom.DayOff, "Ngày Chiến thắng", 2026, time.April, 30)
	add(newsroom.DayOff, "Ngày Quốc tế lao động", 2026, time.May, 1)
	add(newsroom.DayWorking, "Làm bù cho ngày 31/8/2026", 2026, time.August, 22)
	add(newsroom.DayOff, "Nghỉ hoán đổi với ngày 22/8/2026", 2026, time.August, 31)
	add(newsroom.DayOff, "Quốc khánh", 2026, time.September, 1, 2)
	add(newsroom.DayOff, "Tết Dương lịch", 2027, time.January, 1)
	add(newsroom.DayOff, "Tết Nguyên đán Đinh Mùi (dự kiến)", 2027, time.February, 5, 8, 9, 10, 11)
	add(newsroom.DayOff, "Giỗ Tổ Hùng Vương", 2027, time.April, 16)
	add(newsroom.DayOff, "Ngày Chiến thắng", 2027, time.April, 30)
	add(newsroom.DayOff, "Nghỉ bù Ngày Quốc tế lao động", 2027, time.May, 3)
	add(newsroom.DayOff, "Quốc khánh (dự kiến)", 2027, time.September, 2, 3)
	return days
}
