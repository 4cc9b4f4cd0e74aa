package text

import (
	"regexp"
	"strings"
	"unicode"

	"golang.org/x/net/html"
)

// Encoding is a way Vietnamese was written before Unicode.
type Encoding string

// The encodings that DetectLegacy knows.
const (
	NotLegacy Encoding = ""
	TCVN3     Encoding = "tcvn3" // fonts .VnTime, .VnArial, …; .VnTimeH and other …H fonts show its small letters as capitals
	VNI       Encoding = "vni"   // fonts VNI-Times, VNI-Helve, …
)

// tcvn3 is TCVN 5712:1993 VN3, as Windows-1252 software shows its bytes. 0xAD, the soft hyphen, is ư.
var tcvn3 = table3(
	"\u00A1Ă \u00A2Â \u00A3Ê \u00A4Ô \u00A5Ơ \u00A6Ư \u00A7Đ \u00A8ă \u00A9â \u00AAê \u00ABô \u00ACơ \u00ADư \u00AEđ " +
		"\u00B5à \u00B6ả \u00B7ã \u00B8á \u00B9ạ \u00BBằ \u00BCẳ \u00BDẵ \u00BEắ \u00C6ặ \u00C7ầ \u00C8ẩ \u00C9ẫ \u00CAấ \u00CBậ " +
		"\u00CCè \u00CEẻ \u00CFẽ \u00D0é \u00D1ẹ \u00D2ề \u00D3ể \u00D4ễ \u00D5ế \u00D6ệ \u00D7ì \u00D8ỉ \u00DCĩ \u00DDí \u00DEị " +
		"\u00DFò \u00E1ỏ \u00E2õ \u00E3ó \u00E4ọ \u00E5ồ \u00E6ổ \u00E7ỗ \u00E8ố \u00E9ộ \u00EAờ \u00EBở \u00ECỡ \u00EDớ \u00EEợ " +
		"\u00EFù \u00F1ủ \u00F2ũ \u00F3ú \u00F4ụ \u00F5ừ \u00F6ử \u00F7ữ \u00F8ứ \u00F9ự \u00FAỳ \u00FBỷ \u00FCỹ \u00FDý \u00FEỵ")

func table3(pairs string) map[rune]rune {
	made := map[rune]rune{}
	for pair := range strings.SplitSeq(pairs, " ") { // not Fields: NEL and NBSP never occur here, but stay strict
		r := []rune(pair)
		made[r[0]] = r[1]
	}
	return made
}

// VNI writes a letter and then its marks as a second character. Small letters; capitals follow from them.
var (
	vniAlone = map[rune]rune{'ñ': 'đ', 'ô': 'ơ', 'ö': 'ư', 'æ': 'ỉ', 'ó': 'ĩ', 'ò': 'ị', 'î': 'ỵ', 'í': 'í', 'ì': 'ì'}
	vniPairs = vniTable()
)

func vniTable() map[[2]rune]rune {
	made := map[[2]rune]rune{}
	for base, row := range map[rune]string{
		'a': "ùá øà ûả õã ïạ êă éắ èằ úẳ üẵ ëặ ââ áấ àầ åẩ ãẫ äậ",
		'e': "ùé øè ûẻ õẽ ïẹ âê áế àề åể ãễ äệ",
		'o': "ùó øò ûỏ õõ ïọ âô áố àồ åổ ãỗ äộ",
		'u': "ùú øù ûủ õũ ïụ",
		'y': "ùý øỳ ûỷ õỹ",
		'ô': "ùớ øờ ûở õỡ ïợ",
		'ö': "ùứ øừ ûử õữ ïự",
	} {
		for pair := range strings.FieldsSeq(row) {
			r := []rune(pair)
			made[[2]rune{base, r[0]}] = r[1]
			upper := unicode.ToUpper(r[1])
			made[[2]rune{unicode.ToUpper(base), unicode.ToUpper(r[0])}] = upper
			made[[2]rune{unicode.ToUpper(base), r[0]}] = upper // typed with the shift key let go
		}
	}
	return made
}

// FromTCVN3 converts text in the TCVN3 encoding to Unicode. Characters that TCVN3 does not use stay. A word whose plain
// letters are all capitals gets capital accented letters too: the encoding has none, its …H fonts draw them.
func FromTCVN3(s string) string {
	var out strings.Builder
	for i, word := range legacyWords(s) {
		if i%2 == 0 { // between words
			out.WriteString(word)
			continue
		}
		capitals, small := 0, 0
		converted := strings.Map(func(r rune) rune {
			switch {
			case r >= 'A' && r <= 'Z':
				capitals++
			case r >= 'a' && r <= 'z':
				small++
			}
			if to, ok := tcvn3[r]; ok {
				return to
			}
			return r
		}, word)
		if capitals >= 2 && small == 0 {
			converted = strings.ToUpper(converted)
		}
		out.WriteString(converted)
	}
	return out.String()
}

// FromVNI converts text in the VNI encoding to Unicode. Characters that VNI does not use stay.
func FromVNI(s string) string {
	var out strings.Builder
	runes := []rune(s)
	for i := 0; i < len(runes); i++ {
		if i+1 < len(runes) {
			if to, ok := vniPairs[[2]rune{runes[i], runes[i+1]}]; ok {
				out.WriteRune(to)
				i++
				continue
			}
		}
		r := runes[i]
		if to, ok := vniAlone[unicode.ToLower(r)]; ok {
			if unicode.IsUpper(r) {
				to = unicode.ToUpper(to)
			}
			r = to
		}
		out.WriteRune(r)
	}
	return out.String()
}

// DetectLegacy says in which legacy encoding s is written, as far as it can be sure: the words that would change must
// nearly all become Vietnamese syllables, and have been none. Give it what was pasted, before any cleaning.
func DetectLegacy(s string) Encoding {
	best, most := NotLegacy, 0
	for _, enc := range []Encoding{TCVN3, VNI} {
		gained, neutral, wrong := 0, 0, 0
		for i, word := range legacyWords(s) {
			if i%2 == 0 {
				continue
			}
			now := convert(word, enc)
			if now == word {
				continue
			}
			was := syllable(strings.ReplaceAll(word, "\u00AD", ""))
			switch is := syllable(now); {
			case is && !was:
				gained++
			case is:
				neutral++ // số is written sè in TCVN3
			default:
				wrong++
			}
		}
		if gained >= 2 && gained >= 4*wrong && gained > neutral && gained > most {
			best, most = enc, gained
		}
	}
	return best
}

// SuggestLegacy offers s in Unicode where it is written in a legacy encoding, line by line, since pasted text is often
// half and half. Nobody applies it but the person who sees both.
func SuggestLegacy(s string) (converted string, enc Encoding, ok bool) {
	lines := strings.SplitAfter(s, "\n")
	for i, line := range lines {
		if found := DetectLegacy(line); found != NotLegacy {
			lines[i], enc = convert(line, found), found
		}
	}
	return strings.Join(lines, ""), enc, enc != NotLegacy
}

// SuggestLegacyHTML does the same for pasted markup, block by block; the fonts it names decide where they are named.
// The result is the same markup with other text, not yet canonical.
func SuggestLegacyHTML(s string) (converted string, enc Encoding, ok bool) {
	type piece struct {
		at   int // in raw
		said string
		enc  Encoding // by its font
		high bool     // a …H font
	}
	var raw []string
	var waiting []piece
	settle := func() {
		var all strings.Builder
		for _, p := range waiting {
			if p.enc == NotLegacy {
				all.WriteString(p.said)
			}
		}
		found := DetectLegacy(all.String())
		for _, p := range waiting {
			use := p.enc
			if use == NotLegacy {
				use = found
			}
			now := convert(p.said, use)
			if p.high {
				now = strings.ToUpper(now)
			}
			if now != p.said {
				raw[p.at], enc = html.EscapeString(now), use
			}
		}
		waiting = nil
	}
	type font struct {
		tag  string
		enc  Encoding
		high bool
	}
	var fonts []font // of open elements
	z := html.NewTokenizer(strings.NewReader(s))
	silent := 0
	for {
		kind := z.Next()
		raw = append(raw, string(z.Raw()))
		switch kind {
		case html.ErrorToken:
			settle()
			return strings.Join(raw, ""), enc, enc != NotLegacy
		case html.TextToken:
			if silent > 0 {
				continue
			}
			p := piece{at: len(raw) - 1, said: html.UnescapeString(raw[len(raw)-1])}
			if len(fonts) > 0 {
				p.enc, p.high = fonts[len(fonts)-1].enc, fonts[len(fonts)-1].high
			}
			waiting = append(waiting, p)
		case html.StartTagToken:
			token := z.Token()
			if !inline(token.Data) {
				settle()
			}
			if droppedWhole[token.Data] && !void[token.Data] {
				silent++
			}
			if void[token.Data] || len(fonts) > maxDepth {
				continue
			}
			f := font{tag: token.Data}
			if len(fonts) > 0 {
				f.enc, f.high = fonts[len(fonts)-1].enc, fonts[len(fonts)-1].high
			}
			for _, a := range token.Attr {
				if name := fontName(a); name != "" {
					f.enc, f.high = fontEncoding(name)
				}
			}
			fonts = append(fonts, f)
		case html.EndTagToken:
			name, _ := z.TagName()
			if !inline(string(name)) {
				settle()
			}
			if droppedWhole[string(name)] && silent > 0 {
				silent--
			}
			for i := len(fonts) - 1; i >= 0; i-- {
				if fonts[i].tag == string(name) {
					fonts = fonts[:i]
					break
				}
			}
		case html.SelfClosingTagToken, html.CommentToken, html.DoctypeToken:
		}
	}
}

var familyPart = regexp.MustCompile(`(?i)font(?:-family)?\s*:[^;]*?["']?(\.?\w[\w -]*)`)

func fontName(a html.Attribute) string {
	switch a.Key {
	case "face":
		return a.Val
	case "style":
		if at := strings.Index(strings.ToLower(a.Val), "font-family"); at >= 0 {
			if found := familyPart.FindStringSubmatch(a.Val[at:]); found != nil {
				return found[1]
			}
		}
	}
	return ""
}

func fontEncoding(name string) (enc Encoding, high bool) {
	name, _, _ = strings.Cut(strings.TrimSpace(strings.Trim(name, `"' `)), ",")
	name = strings.Trim(name, `"' `)
	switch {
	case strings.HasPrefix(name, ".Vn"):
		return TCVN3, strings.HasSuffix(name, "H")
	case strings.HasPrefix(strings.ToUpper(name), "VNI-"):
		return VNI, false
	}
	return NotLegacy, false
}

func convert(s string, enc Encoding) string {
	switch enc {
	case TCVN3:
		return FromTCVN3(s)
	case VNI:
		return FromVNI(s)
	}
	return s
}

// legacyWords cuts s into what is between words (even places) and words (odd places). To legacy text, everything from
// U+00A1 to U+00FF is a letter.
func legacyWords(s string) []string {
	out := []string{""}
	for at, last := 0, false; ; {
		end := strings.IndexFunc(s[at:], func(r rune) bool { return legacyLetter(r) != last })
		if end < 0 {
			if at < len(s) || !last {
				out[len(out)-1] = s[at:]
			}
			return out
		}
		out[len(out)-1] = s[at : at+end]
		out = append(out, "")
		at, last = at+end, !last
	}
}

func legacyLetter(r rune) bool { return unicode.IsLetter(r) || r > 0xA0 && r <= 0xFF }
