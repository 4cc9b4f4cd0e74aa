package text

import (
	"fmt"
	"regexp"
	"unicode"
)

var (
	idNumber  = regexp.MustCompile(`\b\d{12}\b|\b\d{3} \d{3} \d{3} \d{3}\b`)
	oldID     = regexp.MustCompile(`(?i)(?:CMND|CMTND|CCCD|chứng minh(?: nhân dân)?|căn cước(?: công dân)?|định danh(?: cá nhân)?)[^\d\n]{0,20}(\d{9}|\d{12})\b`)
	birthDate = regexp.MustCompile(`(?i)(?:sinh ngày|ngày sinh|ngày,? tháng,? năm sinh|\bSN)[\s:]*(\d{1,2}\s*[/.-]\s*\d{1,2}\s*[/.-]\s*(?:19|20)\d\d|\d{1,2}\s+tháng\s+\d{1,2}\s+năm\s+(?:19|20)\d\d)`)
	phone     = regexp.MustCompile(`(?:\+84|\b0)[ .-]?[2-9]\d?(?:[ .-]?\d){7,8}\b`)
)

// mask keeps the ends of a number, enough to find it by.
func mask(number string) string {
	r := []rune(number)
	for i := 2; i < len(r)-2; i++ {
		if unicode.IsDigit(r[i]) {
			r[i] = '•'
		}
	}
	return string(r)
}

func (c *checker) personal(s string) {
	ids := map[string]bool{}
	for _, found := range idNumber.FindAllString(s, maxFindings) {
		ids[found] = true
		c.add("personal_id_number", mask(found), "")
	}
	for _, found := range oldID.FindAllStringSubmatch(s, maxFindings) {
		if !ids[found[1]] {
			c.add("personal_id_number", mask(found[1]), "")
		}
	}
	for _, found := range birthDate.FindAllStringSubmatch(s, maxFindings) {
		c.add("personal_birth_date", mask(found[1]), "")
	}
	for _, found := range phone.FindAllString(s, maxFindings) {
		c.phones = append(c.phones, Finding{Field: c.field, Paragraph: c.paragraph, Excerpt: mask(found)})
	}
}

// phoneList is how many different telephone numbers make a list of people rather than a hot line.
const phoneList = 3

func (c *checker) phoneNumbers() {
	distinct := map[string]bool{}
	for _, p := range c.phones {
		distinct[p.Excerpt] = true
	}
	if len(distinct) < phoneList {
		return
	}
	first := c.phones[0]
	c.field, c.paragraph = first.Field, first.Paragraph
	c.add("personal_phone_list", fmt.Sprintf("%s (%d)", first.Excerpt, len(distinct)), "")
}
