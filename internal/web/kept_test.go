package web

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

var keptLink = regexp.MustCompile(`href="(/desk/articles/[^"]+/kept/\d+)"`)

// A text that could not be saved is found beside its article, read, and taken back; what stood there is put aside in turn.
func TestTextsPutAsideAreTakenBack(t *testing.T) {
	t.Parallel()
	d := newDeskRoom(t).peopled()
	b := d.as("reporter")
	id := d.draft(b)
	b.get("/desk/articles/"+id).want(t, 200).lacks(t, "Đã cất")
	lost := withForm(editorForm(`"1"`), "title", "Bản không lưu được", "body", `<p>Đoạn viết dở.</p><script>alert(1)</script>`, "move", "save")
	b.post("/desk/articles/"+id, lost).want(t, 409)
	for _, page := range []string{"/desk/articles/" + id, "/desk/articles/" + id + "/edit"} {
		b.get(page).want(t, 200).has(t, "Đã cất", "Bản không lưu được")
	}
	found := keptLink.FindStringSubmatch(b.get("/desk/articles/" + id).text)
	if found == nil {
		t.Fatal("no link to the text that was put aside")
	}
	kept := found[1]
	page := b.get(kept).want(t, 200).has(t, "Đoạn viết dở.", "Lấy lại làm bản đang viết", "Khác gì so với bản đang viết").lacks(t, "alert(1)")
	etag := editForm.FindStringSubmatch(page.text)
	if etag == nil {
		t.Fatalf("no etag: %s", firstWords(page.text))
	}
	form := url.Values{"etag": {`"` + etag[1] + `"`}}
	title := func() string { a, err := d.store.Article(t.Context(), id); d.no(err); return a.Title }

	b.post(kept, url.Values{"etag": {`"1"`}}).want(t, 409).has(t, "Bài vừa có người lưu bản khác.", "Lấy lại làm bản đang viết")
	b.post(kept, url.Values{}).want(t, 400)
	d.as("reviewer").get(kept).want(t, 404)
	d.as("contributor").get(kept).want(t, 404)
	d.as("reviewer").post(kept, form).want(t, 303)
	if title() == "Bản không lưu được" {
		t.Fatal("somebody who may not edit took it back")
	}
	for range 2 {
		b.post(kept, form).want(t, http.StatusSeeOther)
	}
	if title() != "Bản không lưu được" {
		t.Fatalf("the working text is %q", title())
	}
	b.get("/desk/articles/"+id+"/edit").want(t, 200).has(t, "Đoạn viết dở.", "Vân Khê mở đợt ra quân")
	if n := d.count(`SELECT count(*) FROM kept_drafts`); n != 2 {
		t.Errorf("%d texts are put aside, want what was lost and what it replaced", n)
	}
	b.get(kept).want(t, 200).has(t, "Bản này đang là bản đang viết của bài.").lacks(t, "Lấy lại làm bản đang viết")
}

// Who overwrites what somebody else has saved says so; that text is put aside.
func TestOverwrittenTextIsPutAside(t *testing.T) {
	t.Parallel()
	d := newDeskRoom(t).peopled()
	b := d.as("reporter")
	id := d.draft(b)
	form := withForm(editorForm(`"1"`), "title", "Của tôi", "move", "save", "overwrite", "1")
	b.post("/desk/articles/"+id, form).want(t, 303)
	if n := d.count(`SELECT count(*) FROM kept_drafts WHERE content->>'title' = 'Vân Khê mở đợt ra quân'`); n != 1 {
		t.Errorf("the overwritten text is kept %d times", n)
	}
}

func TestAPITakesBackATextThatWasPutAside(t *testing.T) {
	t.Parallel()
	d := newAPIDesk(t)
	made := d.write("reporter")
	path := "/api/v1/articles/" + made.str("id")
	if r := d.want(d.call("reporter", "GET", path+"/kept", nil), 200, ""); !strings.Contains(r.Body.String(), `"items":[]`) {
		t.Errorf("nothing was put aside: %s", r.Body)
	}
	draft, err := d.store.Draft(t.Context(), made.str("id"))
	if err != nil {
		t.Fatal(err)
	}
	draft.Content.Title = "Bản không lưu được"
	if err := d.store.KeepDraft(t.Context(), made.str("id"), d.persons["reporter"].ID, draft.Content); err != nil {
		t.Fatal(err)
	}
	list := d.want(d.call("reporter", "GET", path+"/kept", nil), 200, "").body["items"].([]any)
	if len(list) != 1 || list[0].(map[string]any)["title"] != "Bản không lưu được" {
		t.Fatalf("put aside: %v", list)
	}
	one := path + "/kept/" + fmt.Sprint(list[0].(map[string]any)["n"])
	if r := d.want(d.call("reporter", "GET", one, nil), 200, ""); r.str("title") != "Bản không lưu được" || r.str("by") != d.persons["reporter"].ID {
		t.Errorf("read: %s", r.Body)
	}
	d.want(d.call("other", "GET", one, nil), 404, "not_found")
	d.want(d.call("reviewer", "GET", one, nil), 404, "not_found")
	d.want(d.call("reviewer", "POST", one+"/take-back", nil, "If-Match", "*"), 403, "not_editor")
	d.want(d.call("reporter", "POST", one+"/take-back", nil), 428, "if_match_required")
	d.want(d.call("reporter", "POST", one+"/take-back", nil, "If-Match", `"99"`), 412, "stale")
	for range 2 {
		if r := d.want(d.call("reporter", "POST", one+"/take-back", nil, "If-Match", made.str("etag")), 200, ""); r.str("title") != "Bản không lưu được" || r.Header().Get("ETag") == made.str("etag") {
			t.Errorf("taken back: %s", r.Body)
		}
	}
	if list := d.want(d.call("reporter", "GET", path+"/kept", nil), 200, "").body["items"].([]any); len(list) != 2 {
		t.Errorf("put aside in turn: %v", list)
	}
}
