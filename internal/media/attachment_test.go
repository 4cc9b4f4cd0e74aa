package media

import (
	"archive/zip"
	"bytes"
	"errors"
	"testing"
)

func zipped(t *testing.T, files ...string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for i := 0; i < len(files); i += 2 {
		f, err := w.CreateHeader(&zip.FileHeader{Name: files[i], Method: zip.Store})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(files[i+1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestAttachment(t *testing.T) {
	t.Parallel()
	docx := zipped(t, "[Content_Types].xml", "<Types/>", "word/document.xml", "<w/>")
	ole := []byte("\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1 and so on")
	for name, c := range map[string]struct {
		data []byte
		file string
		want string
		mime string
		err  error
	}{
		"pdf":          {[]byte("%PDF-1.4\n…"), "Quyết định số 12/QĐ-UBND.PDF", "QD-UBND.pdf", "application/pdf", nil},
		"docx":         {docx, `C:\Giấy mời họp.docx`, "Giay-moi-hop.docx", mimeByExt["docx"], nil},
		"odt":          {zipped(t, "mimetype", mimeByExt["odt"], "content.xml", ""), "a.odt", "a.odt", mimeByExt["odt"], nil},
		"doc":          {ole, "Báo cáo.doc", "Bao-cao.doc", "application/msword", nil},
		"csv":          {[]byte("tên;số\r\nĐội 1;2\n"), "a.csv", "a.csv", mimeByExt["csv"], nil},
		"wrong name":   {docx, "a.pdf", "", "", ErrMismatch},
		"two names":    {docx, "a.docx.exe", "", "", ErrMismatch},
		"no name":      {docx, "", "", "", ErrMismatch},
		"docm":         {zipped(t, "word/document.xml", "", "word/vbaProject.bin", ""), "a.docx", "", "", ErrMacros},
		"doc macros":   {append(bytes.Clone(ole), utf16("_VBA_PROJECT")...), "a.doc", "", "", ErrMacros},
		"plain zip":    {zipped(t, "a.txt", ""), "a.docx", "", "", ErrUnsupported},
		"two in one":   {zipped(t, "word/document.xml", "", "xl/workbook.xml", ""), "a.docx", "", "", ErrUnsupported},
		"broken zip":   {[]byte("PK\x03\x04xxxx"), "a.docx", "", "", ErrDamaged},
		"exe":          {[]byte("MZ\x90\x00\x03"), "a.pdf", "", "", ErrUnsupported},
		"html as text": {[]byte("<script>alert(1)</script>"), "a.html", "", "", ErrMismatch},
		"empty":        {nil, "a.pdf", "", "", ErrEmpty},
	} {
		got, err := Attachment(bytes.NewReader(c.data), c.file)
		if !errors.Is(err, c.err) || got.Name != c.want || got.MIME != c.mime {
			t.Errorf("%s: %q %q %v, want %q %q %v", name, got.Name, got.MIME, err, c.want, c.mime, c.err)
		}
	}
	if _, err := Attachment(bytes.NewReader(append([]byte("%PDF-"), make([]byte, MaxAttachment)...)), "a.pdf"); !errors.Is(err, ErrTooLarge) {
		t.Errorf("large: %v", err)
	}
}

func FuzzSafeName(f *testing.F) {
	for _, s := range []string{"../../etc/passwd", "a\r\nb.pdf", `"; rm -rf /.pdf`, "CON", ".htaccess", "đĐ ă.x", "\u202egpj.exe"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := SafeName(s, "pdf")
		if len(got) > maxName || len(got) < 5 || got[0] == '.' || got[0] == '-' {
			t.Fatalf("%q -> %q", s, got)
		}
		for i := range len(got) {
			c := got[i]
			if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && (c != '.' || i != len(got)-4) {
				t.Fatalf("%q -> %q", s, got)
			}
		}
	})
}
