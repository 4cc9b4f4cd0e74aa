package mailbox

// texts are the words of the page. They are few and only developers and testers see them, so they live here.
var texts = map[string]map[string]string{
	"vi": {
		"title": "Hộp thư", "lead": "Mọi thư của tòa soạn trên máy này đều đến đây và không đi đâu khác.",
		"search": "Tìm kiếm", "search_hint": "từ khóa, to:, from:, subject:, is:unread", "clear": "Bỏ lọc",
		"messages": "thư", "unread": "chưa đọc", "found": "kết quả",
		"empty": "Chưa có thư nào.", "empty_hint": "Thư do hệ thống gửi sẽ hiện ở đây ngay khi đến.",
		"nothing": "Không tìm thấy kết quả phù hợp.", "previous": "Mới hơn", "next": "Cũ hơn",
		"delete_all": "Xóa tất cả", "delete_all_sure": "Xóa hẳn mọi thư", "delete": "Xóa thư này", "back": "Hộp thư",
		"from": "Từ", "to": "Đến", "cc": "Đồng gửi", "bcc": "Phong bì", "reply_to": "Trả lời về", "date": "Ngày",
		"leave": "Hủy đăng ký", "attachments": "Tệp kèm theo", "no_subject": "(không có tiêu đề)", "no_sender": "(không rõ người gửi)",
		"view_html": "Bản trình bày", "view_text": "Bản chữ", "view_headers": "Tiêu đề thư", "view_raw": "Mã nguồn",
		"views": "Cách xem", "no_html": "Thư này không có bản trình bày.", "no_text": "Thư này không có bản chữ.",
		"frame": "Nội dung thư", "download": "Tải về (.eml)", "cut": "Chỉ hiện phần đầu; tải về để xem toàn bộ.",
		"new_mail": "Có thư mới – tải lại", "new": "mới",
	},
	"en": {
		"title": "Mailbox", "lead": "Every mail of the newsroom on this machine ends up here and goes nowhere else.",
		"search": "Search", "search_hint": "words, to:, from:, subject:, is:unread", "clear": "Clear",
		"messages": "messages", "unread": "unread", "found": "found",
		"empty": "No mail yet.", "empty_hint": "Whatever the system sends appears here at once.",
		"nothing": "Nothing matches.", "previous": "Newer", "next": "Older",
		"delete_all": "Delete all", "delete_all_sure": "Delete every message for good", "delete": "Delete this message", "back": "Mailbox",
		"from": "From", "to": "To", "cc": "Cc", "bcc": "Envelope", "reply_to": "Reply to", "date": "Date",
		"leave": "Unsubscribe", "attachments": "Attachments", "no_subject": "(no subject)", "no_sender": "(unknown sender)",
		"view_html": "As designed", "view_text": "Text", "view_headers": "Headers", "view_raw": "Source",
		"views": "View", "no_html": "This message has no HTML.", "no_text": "This message has no text.",
		"frame": "Message", "download": "Download (.eml)", "cut": "Only the beginning is shown; download it to see all.",
		"new_mail": "New mail – reload", "new": "new",
	},
}
