package feed_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"toasoan/internal/feed"
	"toasoan/newsroom"
)

var update = flag.Bool("update", false, "write the golden files anew")

var (
	renderer = feed.Renderer{Base: "https://vankhe.example.vn"}
	moment   = time.Date(2026, 10, 2, 8, 30, 0, 0, time.UTC)
	site     = newsroom.Site{
		Office: newsroom.OfficeInfo{
			Portal: "Cổng thông tin điện tử xã Vân Khê", Unit: "Ủy ban nhân dân xã Vân Khê", Email: "banbientap@vankhe.example.vn",
		},
		Sections: []newsroom.Section{{ID: "kinh-te", NameVI: "Kinh tế"}, {ID: "thong-bao", NameVI: "Thông báo"}},
	}
)

func sample() newsroom.FeedSource {
	cover := newsroom.Image{SHA: strings.Repeat("ab", 32), Width: 1600, Height: 1067, Ext: "jpg", Widths: []int{320, 640, 960, 1600}}
	items := []newsroom.PortalItem{
		{
			ID: "0123456789ab", Slug: "ky-ket-chuong-trinh", Section: "kinh-te", Title: "Ký kết chương trình “Nông thôn mới” & <chuyển đổi số>",
			Lead: "Sáng 02/10, tại hội trường UBND xã…", Byline: "Lê Thị Vân – Đỗ Minh Khôi", Cover: cover,
			Published: moment.Add(-time.Hour), Updated: moment, Corrected: true,
		},
		{
			ID: "ba9876543210", Slug: "thong-bao-nghi-le", Section: "kinh-te", Title: "Thông báo nghỉ lễ\x00\x0b ]]> &amp;",
			Published: moment.Add(-48 * time.Hour), Updated: moment.Add(-48 * time.Hour),
		},
	}
	return newsroom.FeedSource{
		Site: site, At: moment,
		Lists: []newsroom.FeedList{{Items: items}, {Section: &site.Sections[0], Items: items[:1]}, {Section: &site.Sections[1]}},
		Parts: []newsroom.SitemapPart{{Path: "/sitemap-2026-10.xml", Entries: []newsroom.SitemapEntry{
			{Path: "/tin/ky-ket-chuong-trinh-0123456789ab", Updated: moment},
		}}},
		Known: []newsroom.SitemapFile{
			{Path: "/sitemap-2026-09.xml", Updated: moment.AddDate(0, -1, 0)}, {Path: "/sitemap-2026-10.xml", Updated: moment},
		},
	}
}

func TestFilesAreAsTheyWere(t *testing.T) {
	t.Parallel()
	for _, f := range renderer.Render(sample()) {
		golden := filepath.Join("testdata", strings.ReplaceAll(strings.TrimPrefix(f.Path, "/"), "/", "_"))
		if *update {
			if err := os.WriteFile(golden, f.Body, 0o644); err != nil { //nolint:gosec // a golden file is for everybody
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(golden) //nolint:gosec // our own file
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(f.Body, want) {
			t.Errorf("%s differs from %s:\n%s", f.Path, golden, f.Body)
		}
	}
}

func TestEveryFileIsWellFormed(t *testing.T) {
	t.Parallel()
	for _, f := range append(renderer.Render(sample()), renderer.Empty(newsroom.Site{}, moment)...) {
		if strings.HasSuffix(f.Path, ".json") {
			var doc map[string]any
			if err := json.Unmarshal(f.Body, &doc); err != nil {
				t.Errorf("%s: %v", f.Path, err)
			}
			continue
		}
		wellFormed(t, f.Path, f.Body)
	}
}

func wellFormed(t *testing.T, path string, body []byte) {
	t.Helper()
	decoder := xml.NewDecoder(bytes.NewReader(body))
	decoder.Strict = true
	for {
		if _, err := decoder.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Errorf("%s: %v\n%s", path, err, body)
			return
		}
	}
}

func TestFeedsCarryWhatTheirReadersNeed(t *testing.T) {
	t.Parallel()
	files := map[string]newsroom.FeedFile{}
	for _, f := range renderer.Render(sample()) {
		files[f.Path] = f
	}
	var rss struct {
		Channel struct {
			Link  string `xml:"link"`
			Items []struct {
				Title   string `xml:"title"`
				Link    string `xml:"link"`
				GUID    string `xml:"guid"`
				PubDate string `xml:"pubDate"`
			} `xml:"item"`
		} `xml:"channel"`
	}
	if err := xml.Unmarshal(files["/chuyen-muc/kinh-te/rss.xml"].Body, &rss); err != nil {
		t.Fatal(err)
	}
	first := rss.Channel.Items[0]
	if first.Title != "[Đính chính] Ký kết chương trình “Nông thôn mới” & <chuyển đổi số>" {
		t.Errorf("title %q", first.Title)
	}
	if first.Link != "https://vankhe.example.vn/tin/ky-ket-chuong-trinh-0123456789ab" || first.GUID != "tag:vankhe.example.vn,2026-10-02:0123456789ab" {
		t.Errorf("link %q, guid %q", first.Link, first.GUID)
	}
	if first.PubDate != "Fri, 02 Oct 2026 14:30:00 +0700" {
		t.Errorf("pubDate %q", first.PubDate)
	}
	if len(rss.Channel.Items) != 1 {
		t.Errorf("section feed carries %d items", len(rss.Channel.Items))
	}
	var atom struct {
		Updated time.Time `xml:"updated"`
		Entries []struct {
			Updated time.Time `xml:"updated"`
		} `xml:"entry"`
	}
	if err := xml.Unmarshal(files["/atom.xml"].Body, &atom); err != nil {
		t.Fatal(err)
	}
	if !atom.Updated.Equal(moment) || !atom.Entries[0].Updated.Equal(moment) {
		t.Errorf("updated %s and %s, want %s", atom.Updated, atom.Entries[0].Updated, moment)
	}
}

func TestSameModelSameBytes(t *testing.T) {
	t.Parallel()
	once, again := renderer.Render(sample()), renderer.Render(sample())
	for i := range once {
		if once[i].ETag != again[i].ETag || once[i].Path != again[i].Path {
			t.Errorf("%s differs from itself", once[i].Path)
		}
	}
}

func FuzzTextsNeverBreakAFeed(f *testing.F) {
	for _, s := range []string{"", "a & b", "]]>", "<script>", "\x00\xff\xfe", "\ufffe\U0010ffff", "“Đính chính”\r\n"} {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, title, name string) {
		source := sample()
		source.Lists[0].Items[0].Title, source.Lists[0].Items[0].Lead, source.Lists[0].Items[0].Byline = title, name, title
		source.Site.Office.Portal, source.Site.Office.Unit = name, title
		for _, file := range renderer.Render(source) {
			if strings.HasSuffix(file.Path, ".xml") {
				wellFormed(t, file.Path, file.Body)
			} else if !json.Valid(file.Body) {
				t.Errorf("%s is not JSON: %s", file.Path, file.Body)
			}
		}
	})
}
