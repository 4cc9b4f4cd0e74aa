package mail

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"toasoan/internal/locale"
	"toasoan/newsroom"
)

// Pictures writes every mail in every language as an .html and a .txt file into dir, which must exist, named
// <language>-<kind>: what `make pictures` photographs. The people and the township in them are invented.
func Pictures(dir string) error {
	c, err := NewComposer(Settings{From: "Cổng thông tin điện tử xã Vân Khê <tin@vankhe.example>", FromTx: "Tòa soạn Vân Khê <toasoan@vankhe.example>"})
	if err != nil {
		return err
	}
	for _, tag := range locale.Tags() {
		c.locale = locale.For(tag)
		for _, kind := range letterKinds {
			page := c.letterPage(sampleLetter(kind, tag))
			if err := picture(dir, tag, string(kind), page); err != nil {
				return err
			}
		}
		for _, kind := range bulkKinds {
			page := c.issuePage(sampleIssue(kind))
			r := sampleRecipient()
			page.Leave, page.Prefs, page.Mark = r.LeaveURL, r.PrefsURL, c.locale.Date(r.Since)
			if err := picture(dir, tag, kind, page); err != nil {
				return err
			}
		}
	}
	return nil
}

func picture(dir, tag, kind string, data page) error {
	out, err := render(tag, kind, data)
	if err != nil {
		return err
	}
	name := filepath.Join(dir, tag+"-"+kind)
	for ext, said := range map[string]string{".html": out.html, ".txt": "Subject: " + out.subject + "\n\n" + out.text} {
		if err := os.WriteFile(name+ext, []byte(said), 0o644); err != nil { //nolint:gosec // invented content, for people to look at
			return fmt.Errorf("write picture: %w", err)
		}
	}
	return nil
}

var sampleOffice = newsroom.OfficeInfo{
	Portal: "Cổng thông tin điện tử xã Vân Khê", Unit: "Ủy ban nhân dân xã Vân Khê", Parent: "Ủy ban nhân dân tỉnh Hà Sơn",
	Bureau: "Ban Tuyên giáo", Address: "Số 1, đường Trung tâm, xã Vân Khê, tỉnh Hà Sơn", Phone: "0200 000 000",
	Email: "toasoan@vankhe.example", Chief: "Nguyễn Thị Hòa", Accent: "red", URL: "https://vankhe.example",
}

// sampleLetter is an invented letter of each kind.
func sampleLetter(kind newsroom.LetterKind, tag string) newsroom.LetterView {
	at := time.Date(2018, 10, 2, 16, 20, 0, 0, newsroom.Zone)
	due := at.AddDate(0, 0, 1)
	v := newsroom.LetterView{
		ID: string(kind) + "/0123456789ab/7/leader000001", Kind: kind, Locale: tag, Office: sampleOffice,
		ToName: "Trần Văn Minh", ToEmail: "minh@vankhe.example", ToTitle: "Phó Chủ tịch UBND xã",
		MessageID: "l.sample-" + string(kind), Date: at, VERP: "l7p3r6tb7xq4m2n5",
		Link: "https://vankhe.example/duyet/V2h5IGFyZSB5b3UgcmVhZGluZyB0aGlzPyBIZWxsbyE", ArticleID: "0123456789ab",
		Title:   "Xã Vân Khê ký kết chương trình phối hợp xây dựng nông thôn mới nâng cao giai đoạn 2018 – 2020",
		Lead:    "Sáng 02/10, tại hội trường UBND xã, bảy đơn vị đã ký kết chương trình phối hợp, đặt mục tiêu hoàn thành 19 tiêu chí trước tháng 6 năm sau.",
		Section: "Xây dựng nông thôn mới", Authors: "Lê Thu – Hoàng Nam", Reviewer: "Phạm Thị Lan",
		ActorName: "Nguyễn Thị Hòa", ActorTitle: "Chủ tịch UBND xã", At: &at, Due: &due,
		PublicURL: "https://vankhe.example/tin/ky-ket-chuong-trinh-phoi-hop-0123456789ab", Until: &due,
		Sections: []string{"Xây dựng nông thôn mới", "Thông báo"},
	}
	switch kind {
	case newsroom.LetterSubmitted, newsroom.LetterApproval, newsroom.LetterApprovalSoon:
		v.Left = 450 * time.Minute
		v.Note = "Đã kiểm tra số liệu với bộ phận Kinh tế."
	case newsroom.LetterReviewSoon:
		v.Left = 2 * time.Hour
		v.ToName, v.ToTitle = "Phạm Thị Lan", "Biên tập viên"
	case newsroom.LetterApprovalOverdue, newsroom.LetterReviewOverdue:
		v.Left = -2 * time.Hour
		v.Behalf = "Đỗ Văn Sơn"
	case newsroom.LetterChanges, newsroom.LetterRejected:
		v.Move, v.Code = newsroom.MoveRequestChanges, newsroom.ReasonQuality
		v.Reason = "Bổ sung nguồn số liệu ở đoạn 3.\nLược bỏ số điện thoại cá nhân ở đoạn cuối."
		v.ToName, v.ToTitle = "Lê Thu", "Phóng viên"
	case newsroom.LetterReceipt:
		v.Move, v.NotMeLink = newsroom.MoveApprove, "https://vankhe.example/khong-phai-toi/V2h5IGFyZSB5b3UgcmVhZGluZyB0aGlzPyBIZWxsbyE"
	case newsroom.LetterSettled:
		v.Move = newsroom.MoveApprove
	case newsroom.LetterSecondSign:
		v.Move, v.Code, v.Reason = newsroom.MoveTakeDown, newsroom.ReasonPendingVerification, "Đang xác minh lại số liệu với đơn vị cung cấp."
	case newsroom.LetterDeskLocked:
		v.Title, v.ArticleID, v.Shut, v.Link = "", "", true, "https://vankhe.example/desk"
	case newsroom.LetterNotMe:
		v.Move = newsroom.MoveApprove
	case newsroom.LetterAuditRoot:
		v.ToName, v.ToTitle, v.ToEmail, v.Title = "", "", "giam.sat@hason.example", ""
		v.Root = &newsroom.AuditRoot{Day: newsroom.DateOf(at), LastID: 18_204, Hash: "9f2b7c61d5e04a83b1c6f7a2d3e4958170a1b2c3d4e5f60718293a4b5c6d7e8f", At: at}
	case newsroom.LetterReplyRefused:
		v.Why = "unclear"
	case newsroom.LetterConfirm, newsroom.LetterConfirmAgain, newsroom.LetterLeft:
		v.ToName, v.ToTitle, v.ToEmail = "", "", "ban.doc@example.org"
		v.Title = ""
		until := at.AddDate(0, 0, 2)
		v.Until = &until
		if v.Kind != newsroom.LetterLeft {
			v.Cadences = []newsroom.Cadence{newsroom.CadenceInstant, newsroom.CadenceWeekly}
		}
	case newsroom.LetterToFriend:
		v.ToName, v.ToTitle, v.ToEmail, v.ActorName, v.ActorTitle = "", "", "ban.doc@example.org", "Bác Tư", ""
	default:
	}
	return v
}

// sampleIssue is an invented newsletter of each kind.
func sampleIssue(kind string) newsroom.IssueView {
	at := time.Date(2018, 10, 2, 9, 15, 0, 0, newsroom.Zone)
	v := newsroom.IssueView{
		Issue: newsroom.Issue{ID: "sample0issue", Kind: kind, ArticleID: "0123456789ab", List: "xay-dung-nong-thon-moi"},
		Title: "Xã Vân Khê ký kết chương trình phối hợp xây dựng nông thôn mới nâng cao giai đoạn 2018 – 2020",
		Lead:  "Sáng 02/10, tại hội trường UBND xã, bảy đơn vị đã ký kết chương trình phối hợp, đặt mục tiêu hoàn thành 19 tiêu chí trước tháng 6 năm sau.", Section: "Xây dựng nông thôn mới",
		Byline: "Lê Thu – Hoàng Nam", Published: at, URL: "https://vankhe.example/tin/ky-ket-chuong-trinh-phoi-hop-0123456789ab",
		ListName: "Xây dựng nông thôn mới", ArchiveTo: "https://vankhe.example/chuyen-muc/xay-dung-nong-thon-moi", Office: sampleOffice,
	}
	switch kind {
	case "correction":
		v.Note = &newsroom.Correction{Old: "tuyến đường dài 850 m", New: "tuyến đường dài 580 m"}
	case "digest":
		v.Issue.Period, v.More = "weekly/2018-10-02", 7
		v.Items = []newsroom.DigestItem{
			{Title: v.Title, Lead: v.Lead, Section: v.Section, URL: v.URL, At: at},
			{Title: "Thông báo lịch tiếp công dân tháng 10", Section: "Thông báo", URL: "https://vankhe.example/tin/lich-tiep-cong-dan-0123456789ac", At: at.Add(-26 * time.Hour)},
		}
	}
	return v
}

func sampleRecipient() newsroom.Recipient {
	at := time.Date(2018, 10, 2, 9, 15, 1, 0, newsroom.Zone)
	return newsroom.Recipient{
		SubscriberID: "subscriber01", Name: "Đặng Thị Hương", Email: "huong@example.org", Since: at.AddDate(0, -3, 0),
		MessageID: "d.sample0issue.b7xq4m2n5k7p3r6t", Date: at, VERP: "k7p3r6tb7xq4m2n5",
		LeaveURL: "https://vankhe.example/huy/V2h5IGFyZSB5b3UgcmVhZGluZyB0aGlzPyBIZWxsbyE",
		PrefsURL: "https://vankhe.example/tuy-chon/V2h5IGFyZSB5b3UgcmVhZGluZyB0aGlzPyBIZWxsbyE",
	}
}
