package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"time"

	"golang.org/x/net/html"
)

// walkAgent is how the walk calls itself where it stands for a person with a browser.
const walkAgent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36 ToaSoanWalk/1"

// visitor is somebody with a browser of their own: cookies, forms, no script.
type visitor struct {
	base string
	lang string
	http *http.Client
}

func newVisitor(base, lang string) (*visitor, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	at, err := url.Parse(base)
	if err != nil {
		return nil, fmt.Errorf("address of the newsroom: %w", err)
	}
	if lang == "en" {
		jar.SetCookies(at, []*http.Cookie{{Name: "lang", Value: "en", Path: "/"}})
	}
	return &visitor{base: base, lang: lang, http: &http.Client{Jar: jar, Timeout: 30 * time.Second}}, nil
}

// webPage is a page as it was answered.
type webPage struct {
	status int
	url    *url.URL
	header http.Header
	body   []byte
}

func (v *visitor) open(ctx context.Context, method, address string) (*webPage, error) {
	return v.send(ctx, method, address, nil)
}

func (v *visitor) send(ctx context.Context, method, address string, form url.Values) (*webPage, error) {
	if strings.HasPrefix(address, "/") {
		address = v.base + address
	}
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	req, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", walkAgent)
	req.Header.Set("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
	req.Header.Set("Accept-Language", v.lang)
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Origin", req.URL.Scheme+"://"+req.URL.Host)
		req.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	res, err := v.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close() //nolint:errcheck // read only
	read, err := io.ReadAll(io.LimitReader(res.Body, 16<<20))
	if err != nil {
		return nil, err
	}
	return &webPage{status: res.StatusCode, url: res.Request.URL, header: res.Header, body: read}, nil
}

// webForm is a form as a browser would send it: hidden fields and what is chosen already.
type webForm struct {
	action string
	fields url.Values
	offers map[string][]string // every value that boxes and buttons could send, by name
}

// form finds the page's first form whose action contains part.
func (p *webPage) form(part string) (*webForm, error) {
	root, err := html.Parse(bytes.NewReader(p.body))
	if err != nil {
		return nil, fmt.Errorf("read page %s: %w", p.url.Path, err)
	}
	for node := range root.Descendants() {
		if node.Type != html.ElementNode || node.Data != "form" || !strings.EqualFold(attribute(node, "method"), "post") {
			continue
		}
		if action := attribute(node, "action"); strings.Contains(action, part) {
			f := &webForm{action: p.url.ResolveReference(&url.URL{Path: action}).String(), fields: url.Values{}, offers: map[string][]string{}}
			for field := range node.Descendants() {
				f.take(field)
			}
			return f, nil
		}
	}
	return nil, fmt.Errorf("the page %s has no form for %s", p.url.Path, part)
}

func (f *webForm) take(node *html.Node) {
	name := attribute(node, "name")
	if node.Type != html.ElementNode || name == "" {
		return
	}
	value := attribute(node, "value")
	switch node.Data {
	case "input":
		switch attribute(node, "type") {
		case "checkbox", "radio":
			f.offers[name] = append(f.offers[name], value)
			if has(node, "checked") {
				f.fields.Add(name, value)
			}
		case "submit", "image", "file":
		default:
			f.fields.Add(name, value)
		}
	case "button":
		f.offers[name] = append(f.offers[name], value)
	case "textarea", "select":
		f.fields.Add(name, "")
	}
}

func attribute(node *html.Node, name string) string {
	for _, a := range node.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func has(node *html.Node, name string) bool {
	for _, a := range node.Attr {
		if a.Key == name {
			return true
		}
	}
	return false
}

// words is the page's text without markup, white space collapsed.
func (p *webPage) words() string {
	root, err := html.Parse(bytes.NewReader(p.body))
	if err != nil {
		return ""
	}
	var b strings.Builder
	for node := range root.Descendants() {
		if node.Type == html.TextNode {
			b.WriteString(node.Data + " ")
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// apiError is an answer of the API that was not wanted.
type apiError struct {
	status       int
	code, detail string
}

func (e *apiError) Error() string {
	return fmt.Sprintf("%d %s: %s", e.status, e.code, e.detail)
}

// ask sends one request of the API as the user of a role and decodes a success into into; headers are name, value pairs.
func (w *demoWalk) ask(ctx context.Context, role, method, path string, body, into any, headers ...string) error {
	var sent io.Reader
	kind := "application/json"
	switch b := body.(type) {
	case nil:
	case *upload:
		sent, kind = &b.body, b.kind
	default:
		raw, err := json.Marshal(b)
		if err != nil {
			return err
		}
		sent = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, w.base+"/api/v1"+path, sent)
	if err != nil {
		return err
	}
	user, _ := w.file.as(role)
	req.Header.Set("Authorization", "Bearer "+user.Token)
	req.Header.Set("Content-Type", kind)
	req.Header.Set("Accept-Language", w.lang)
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := w.plain.Do(req)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	defer res.Body.Close() //nolint:errcheck // read only
	raw, err := io.ReadAll(io.LimitReader(res.Body, 16<<20))
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	if res.StatusCode >= 300 {
		e := &apiError{status: res.StatusCode}
		var problem struct{ Code, Detail string }
		if json.Unmarshal(raw, &problem) == nil {
			e.code, e.detail = problem.Code, problem.Detail
		}
		return fmt.Errorf("%s %s as %s: %w", method, path, role, e)
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	return nil
}
