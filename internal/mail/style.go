package mail

import "html/template"

// Mail programs drop style sheets, so every element carries its style; the class is for the dark scheme alone, in the
// one place that most of them do read (layout.html).
var styles = map[string]string{
	"body":   "margin:0;padding:0;background:#f6f5f2;",
	"card":   "max-width:600px;width:100%;background:#ffffff;border:1px solid #dcdad4;border-radius:6px;border-collapse:separate;",
	"head":   "padding:18px 32px;border-bottom:1px solid #dcdad4;" + sans + "font-size:17px;line-height:24px;font-weight:600;color:#1a1b1e;",
	"unit":   sans + "font-size:13px;line-height:20px;color:#5c5d64;",
	"main":   "padding:28px 32px 12px 32px;" + sans + "font-size:16px;line-height:26px;color:#1a1b1e;",
	"p":      "margin:0 0 16px 0;" + sans + "font-size:16px;line-height:26px;color:#1a1b1e;",
	"note":   "margin:0 0 16px 0;" + sans + "font-size:14px;line-height:22px;color:#5c5d64;",
	"h1":     "margin:0 0 16px 0;" + sans + "font-size:22px;line-height:30px;font-weight:700;color:#1a1b1e;",
	"h2":     "margin:0 0 4px 0;" + sans + "font-size:18px;line-height:26px;font-weight:600;color:#1a1b1e;",
	"title":  "color:#1a1b1e;text-decoration:none;",
	"link":   "color:#1a4b8c;text-decoration:underline;word-break:break-word;",
	"facts":  "width:100%;margin:0 0 20px 0;border-collapse:collapse;border-top:1px solid #dcdad4;",
	"label":  "padding:8px 16px 8px 0;width:128px;vertical-align:top;border-bottom:1px solid #dcdad4;" + sans + "font-size:14px;line-height:22px;color:#5c5d64;",
	"value":  "padding:8px 0;vertical-align:top;border-bottom:1px solid #dcdad4;" + sans + "font-size:15px;line-height:22px;color:#1a1b1e;",
	"quote":  "padding:4px 0 4px 16px;border-left:3px solid #dcdad4;" + sans + "font-size:16px;line-height:26px;color:#3d3e44;",
	"gap":    "width:100%;margin:0 0 20px 0;border-collapse:collapse;",
	"button": "margin:4px 0 20px 0;border-collapse:separate;",
	"cover":  "display:block;width:100%;max-width:534px;height:auto;margin:0 0 16px 0;border:0;border-radius:6px;",
	"item":   "padding:0 0 20px 0;",
	"foot":   "padding:16px 32px 24px 32px;border-top:1px solid #dcdad4;" + sans + "font-size:13px;line-height:20px;color:#5c5d64;",
}

const sans = "font-family:system-ui,-apple-system,'Segoe UI',Roboto,'Noto Sans','Helvetica Neue',Arial,sans-serif;"

// style is the class and the style of one kind of element.
func style(name string) (template.HTMLAttr, error) {
	css, ok := styles[name]
	if !ok {
		return "", &unknownStyle{name}
	}
	return template.HTMLAttr(`class="t-` + name + `" style="` + css + `"`), nil //nolint:gosec // our own constants
}

type unknownStyle struct{ name string }

func (e *unknownStyle) Error() string { return "no style " + e.name }

// tints are the accents an office can choose, each with white words on it at 7:1 or better.
var tints = map[string]string{"red": "#9c1c20", "blue": "#1b4a86", "green": "#1d5c3c", "brown": "#6e4419"}

func tint(accent string) template.CSS {
	if colour, ok := tints[accent]; ok {
		return template.CSS(colour) //nolint:gosec // our own constants
	}
	return template.CSS(tints["red"]) //nolint:gosec // our own constants
}

// mso holds what Outlook's Word engine needs to keep the column at 600 pixels; html/template would drop comments.
func mso(part string) template.HTML {
	switch part {
	case "open":
		return `<!--[if mso]><table role="presentation" width="600" align="center" cellpadding="0" cellspacing="0" border="0"><tr><td><![endif]-->`
	case "close":
		return `<!--[if mso]></td></tr></table><![endif]-->`
	default:
		return ""
	}
}
