package newsroom

import "time"

// Site is what the frame of every public page shows: who publishes, how to reach them, and the sections.
type Site struct {
	Office   OfficeInfo
	Sections []Section // in the office's order
	Retired  []Section // sections that keep their page and stand in no menu
	Hotlines []Hotline
	Notices  string // section whose articles are shown as notices; "" none
	Version  int64  // grows with every public change
}

// Section finds the section with that id, retired or not; an unknown one is named by its id.
func (s Site) Section(id string) Section {
	for _, list := range [][]Section{s.Sections, s.Retired} {
		for _, one := range list {
			if one.ID == id {
				return one
			}
		}
	}
	return Section{ID: id, NameVI: id, Retired: true}
}

// Hotline (Đường dây nóng) is a number that citizens may call.
type Hotline struct {
	Name  string `json:"name"`
	Phone string `json:"phone"`
}

// Image is a stored picture as it can be served: /anh/<sha>-<width>.<ext> for each of its widths.
type Image struct {
	SHA    string
	Width  int // of the whole picture, pixels
	Height int
	Ext    string
	Widths []int // ascending; none: the picture is not there
}

// PortalItem is an article in a list that readers see.
type PortalItem struct {
	ID        string
	Slug      string
	Section   string
	Title     string
	Lead      string
	Byline    string
	Public    Public
	Cover     Image
	CoverAlt  string
	Published time.Time
	Updated   time.Time
	Corrected bool // carries a public note of correction
}

// PortalList is one page of a list. Total is counted up to MaxListed only: what is older is found by day or by search.
type PortalList struct {
	Items []PortalItem
	Total int
}

// MaxListed is how many articles of a list can be reached by paging; the archive by day reaches all.
const MaxListed = 2000

// Front is the front page.
type Front struct {
	Lead    *PortalItem // nil: nothing was published yet
	Newest  []PortalItem
	Blocks  []PortalBlock
	Notices []PortalItem
}

// PortalBlock is a section's newest articles.
type PortalBlock struct {
	Section Section
	Items   []PortalItem
}

// PortalArticle is a public article with everything its page shows.
type PortalArticle struct {
	ID          string
	Public      Public
	Revision    int
	N           int64 // publication that brought this state
	Slug        string
	Hash        string
	Content     Content
	Published   time.Time // first publication
	Updated     time.Time // of this revision or state
	Images      map[string]Image
	Corrections []DatedCorrection // newest first
	SecondLate  bool              // an urgent act still lacks its second signature
}

// DatedCorrection is a public note of correction and when it was published.
type DatedCorrection struct {
	Correction
	At time.Time
}

// DayCount says how many articles were published on a local day.
type DayCount struct {
	Date  Date
	Count int
}

// SearchQuery is what a reader looks for. From and To are local days, either may be nil.
type SearchQuery struct {
	Text    string
	Section string
	From    *Date
	To      *Date
	Newest  bool // newest first instead of best first
	Page    int  // from 1
	Size    int
}

// SearchHit is a found article with the text in which the words are shown.
type SearchHit struct {
	PortalItem
	Plain   string // beginning of the body's text, for the excerpt
	Numbers string // document numbers
}

// SearchResult is one page of hits. Total stops at MaxListed.
type SearchResult struct {
	Hits  []SearchHit
	Total int
}

// Counters is Số lượt truy cập.
type Counters struct {
	Online int64 // visitors of the last five minutes
	Today  int64 // visits since local midnight
	Week   int64 // since Monday
	Month  int64
	Total  int64 // never falls; starts from what was imported
}

// Statistics is what /thong-ke shows.
type Statistics struct {
	Counters  Counters
	Days      []DayViews     // the last 30 local days, oldest first
	Sections  []SectionCount // articles published in the last 30 days
	MostRead  []ReadItem     // of the last 30 days
	Published int64          // articles ever published and still to be found
}

// DayViews is a day of the site's traffic.
type DayViews struct {
	Date   Date
	Views  int64
	Visits int64
}

// SectionCount says how many articles a section published.
type SectionCount struct {
	Section string
	Count   int64
}

// ReadItem is an article with its views.
type ReadItem struct {
	PortalItem
	Views int64
}

// File is an attachment's bytes.
type File struct {
	SHA   string
	Name  string
	MIME  string
	Bytes []byte
}

// PageView is one view of a page by a person. Visitor is a keyed hash that changes daily: no address.
type PageView struct {
	ArticleID string // "" any page that is no article
	Visitor   []byte
	At        time.Time
}

// CounterReset says that a counter started anew: an article's (scope is its id, key its publication), or the site's day,
// week or month.
type CounterReset struct {
	Scope string
	Key   string
	At    time.Time
}

// FeedSource is what is rendered into files after a public change: the lists and the parts of the sitemap that it touched.
type FeedSource struct {
	Site  Site
	Lists []FeedList
	Parts []SitemapPart // touched
	Known []SitemapFile // all parts there are, the touched ones too, oldest first
	At    time.Time     // of the change
}

// FeedList is what one set of feeds carries: the whole site's where Section is nil.
type FeedList struct {
	Section *Section
	Items   []PortalItem
}

// SitemapPart is one file of the sitemap: at most SitemapPartSize articles of a month.
type SitemapPart struct {
	Path    string
	Entries []SitemapEntry
}

// SitemapEntry is a page and when it changed.
type SitemapEntry struct {
	Path    string
	Updated time.Time
}

// SitemapFile is a part in the sitemap's index.
type SitemapFile struct {
	Path    string
	Updated time.Time
}

// FeedFile is a rendered file.
type FeedFile struct {
	Path string
	MIME string
	Body []byte
	ETag string // sha256 of Body, hex
	At   time.Time
}

const (
	// FeedSize is how many articles a feed carries.
	FeedSize = 30
	// SitemapPartSize is how many articles a part of the sitemap covers (the protocol allows 50,000): small, so that one
	// publication never costs more however much was published before.
	SitemapPartSize = 1000
)
