// What the scripts promise, tried in a real Chromium against the gallery and its strict Content-Security-Policy.
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import puppeteer from "puppeteer-core";
import { serve } from "./gallery.mjs";

let browser, gallery, page, context, troubles;

before(async () => {
  browser = await puppeteer.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
  gallery = await serve();
});
after(async () => {
  await browser?.close();
  await gallery?.stop();
});
beforeEach(async (t) => {
  context = await browser.createBrowserContext();
  page = await open();
  troubles = [];
  gallery.asked.length = 0;
  t.after(async () => {
    await context.close();
    assert.deepEqual(troubles, [], "messages of the policy or of a script");
  });
});

async function open() {
  const one = await context.newPage();
  await one.setViewport({ width: 1366, height: 768 });
  one.on("pageerror", (error) => troubles.push(error.message));
  one.on("console", (message) => message.type() === "error" && !/status of 4\d\d|ERR_INTERNET_DISCONNECTED/.test(message.text()) && troubles.push(message.text()));
  return one;
}
const go = (name, to = page) => to.goto(`${gallery.url}/${name}`, { waitUntil: "load" });
const text = (selector) => page.$eval(selector, (e) => e.textContent.trim());
const until = (what, ...args) => page.waitForFunction(what, { timeout: 8_000 }, ...args);
const body = () => page.$eval("#body", (e) => e.value);
const saves = () => gallery.asked.filter((r) => r.method === "PUT");

async function paste(html, plain = "") {
  await page.$eval(
    ".ProseMirror",
    (e, h, p) => {
      const data = new DataTransfer();
      data.setData("text/html", h);
      data.setData("text/plain", p);
      e.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
    },
    html,
    plain,
  );
}
async function emptyEditor() {
  await go("desk-compose");
  await page.waitForSelector(".ProseMirror");
  await page.focus(".ProseMirror");
  await page.keyboard.down("Control");
  await page.keyboard.press("a");
  await page.keyboard.up("Control");
  await page.keyboard.press("Backspace");
}

test("A+ grows the text at once and for the next page, before its first paint", async () => {
  await go("portal-article");
  const before = await page.$eval(".prose", (e) => parseFloat(getComputedStyle(e).fontSize));
  await page.click(".display-tools [value='+']");
  assert.ok((await page.$eval(".prose", (e) => parseFloat(getComputedStyle(e).fontSize))) > before);
  await go("portal-front");
  assert.equal(await page.$eval("html", (e) => e.dataset.size), "l");
  await page.click(".display-tools [value='0']");
  assert.equal(await page.$eval("html", (e) => e.dataset.size), "m");
  assert.equal(gallery.asked.filter((r) => r.path === "/hien-thi").length, 0, "no round trip");
});

test("contrast and theme switches tell their state", async () => {
  await go("portal-front");
  await page.click("[name=theme]");
  assert.equal(await page.$eval("html", (e) => e.dataset.theme), "dark");
  assert.equal(await page.$eval("[name=theme]", (e) => e.getAttribute("aria-pressed")), "true");
  await page.click("[name=contrast]");
  assert.equal(await page.$eval("html", (e) => e.dataset.contrast), "more");
  await page.click("[name=contrast]");
  assert.equal(await page.$eval("[name=contrast]", (e) => e.getAttribute("aria-pressed")), "false");
});

test("an article is counted once, with its id", async () => {
  await go("portal-article");
  await until(() => document.readyState === "complete");
  await page.reload({ waitUntil: "networkidle0" });
  const beacons = gallery.asked.filter((r) => r.path === "/xem");
  assert.equal(beacons.length, 2, "one for each time the page was shown");
  assert.equal(beacons[0].body, "article=1204");
});

test("copying a link says so", async () => {
  await context.overridePermissions(gallery.url, ["clipboard-read", "clipboard-write", "clipboard-sanitized-write"]);
  await go("portal-article");
  await page.click("[data-copy]");
  await until(() => document.querySelector(".toast")?.textContent.includes("Đã sao chép liên kết."));
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), "https://vankhe.example.vn/tin/muoi-hai-thon-1204");
});

test("the menu of sections opens without script and closes on Esc with it", async () => {
  await page.setJavaScriptEnabled(false);
  await page.setViewport({ width: 360, height: 740 });
  await go("portal-front");
  await page.click(".site-menu > summary");
  assert.ok(await page.$eval(".site-menu-panel a", (e) => e.getBoundingClientRect().height > 40));
  await page.setJavaScriptEnabled(true);
  await go("portal-front");
  await page.click(".site-menu > summary");
  await page.keyboard.press("Escape");
  assert.equal(await page.$eval(".site-menu", (e) => e.open), false);
});

test("an error summary takes the focus", async () => {
  await go("portal-subscribe");
  await until(() => document.activeElement.matches(".error-summary"));
});

test("what is typed is saved, with the version it was typed over", async () => {
  await go("desk-compose");
  await page.type("#lead", " Thêm một câu.");
  await until(() => document.querySelector("[data-save-state]").dataset.state === "unsaved");
  await until(() => document.querySelector("[data-save-state]").textContent.includes("Đã lưu lúc 15:30"));
  const [save] = saves();
  assert.equal(save.headers["if-match"], '"7"');
  const sent = new URLSearchParams(save.body);
  assert.match(sent.get("lead"), /Thêm một câu\./);
  assert.deepEqual(sent.getAll("author_name"), ["Lê Thị Vân", "Đỗ Minh Khôi"]);
  assert.equal(sent.has("_comment"), false);
  assert.match(await page.$eval("[name=etag]", (e) => e.value), /^"\d+"$/);
  await page.type("#lead", " Nữa.");
  const first = await page.$eval("form[data-autosave]", (e) => e.dataset.etag);
  await until((etag) => document.querySelector("form[data-autosave]").dataset.etag !== etag, first);
  assert.equal(saves()[1].headers["if-match"], first);
});

test("Enter in a field saves and presses no button", async () => {
  await go("desk-compose");
  const before = await page.$$eval("#people .person, #figures .figure-item", (all) => all.length);
  await page.type("#ten1", " N");
  await page.keyboard.press("Enter");
  await until(() => document.querySelector("[data-save-state]").textContent.includes("Đã lưu lúc 15:30"));
  assert.match(page.url(), /desk-compose$/);
  assert.equal(await page.$$eval("#people .person, #figures .figure-item", (all) => all.length), before);
  assert.equal(saves().length, 1);
});

test("a newer version stops saving, keeps the text and says why", async () => {
  await go("desk-compose");
  await page.evaluate(() => {
    const real = window.fetch;
    window.fetch = (url, init) => real(init?.method === "PUT" ? `${url}?fail=412` : url, init);
  });
  await page.type("#lead", " Câu của tôi.");
  await until(() => document.querySelector("[data-save-state]").dataset.state === "conflict");
  assert.equal(await text("[data-save-state]"), "Từ chối với mã 412.");
  assert.match(await page.evaluate(() => localStorage.getItem("unsaved:/desk-compose")), /C%C3%A2u\+c%E1%BB%A7a\+t%C3%B4i/);
  assert.match(await page.$eval("#lead", (e) => e.value), /Câu của tôi\./);
});

test("a lost line is told, and the text is offered again after a crash", async () => {
  await go("desk-compose");
  await page.setOfflineMode(true);
  await page.type("#lead", " Mất mạng.");
  await until(() => document.querySelector("[data-save-state]").dataset.state === "failed");
  assert.match(await text("[data-save-state]"), /Mất kết nối/);
  await page.close({ runBeforeUnload: false });
  page = await open();
  await go("desk-compose");
  await page.waitForSelector(".toast button");
  assert.match(await text(".toast"), /còn giữ nội dung chưa lưu/);
  await page.click(".toast button");
  assert.match(await page.$eval("#lead", (e) => e.value), /Mất mạng\./);
});

test("the editor writes the article's markup into the field", async () => {
  await emptyEditor();
  assert.equal(await body(), "");
  await page.keyboard.type("Một đoạn.");
  await page.keyboard.press("Enter");
  await page.click(".editor-bar [aria-label='Tiêu đề mục']");
  await page.keyboard.type("Một mục");
  await page.keyboard.press("Enter");
  await page.click(".editor-bar [aria-label='Danh sách']");
  await page.keyboard.type("việc thứ nhất");
  assert.equal(await body(), "<p>Một đoạn.</p><h2>Một mục</h2><ul><li><p>việc thứ nhất</p></li></ul>");
});

test("tables come and go without a style attribute", async () => {
  await emptyEditor();
  await page.click(".editor-bar [aria-label='Chèn bảng']");
  await page.keyboard.type("Thôn");
  await page.click(".editor-bar [aria-label='Thêm cột bên phải']");
  await page.click(".editor-bar [aria-label='Xóa hàng']");
  const html = await body();
  assert.match(html, /^<table><tbody><tr>/);
  assert.equal(html.includes("style"), false);
  assert.equal(html.match(/<tr>/g).length, 2);
  assert.equal(await page.$$eval(".ProseMirror [style]", (found) => found.length), 0);
  await page.click(".editor-bar [aria-label='Xóa bảng']");
  assert.equal((await body()).includes("<table"), false);
});

test("Word's paste keeps structure and loses looks", async () => {
  await emptyEditor();
  await paste(`<html xmlns:o="urn:x"><head><style>p{color:red}</style><meta name=Generator content="Microsoft Word 15"></head><body lang=VI>
    <!--StartFragment--><h1 style='mso-style:x'><span style='font-family:"Times New Roman"'>Kế&nbsp;hoạch</span></h1>
    <p class=MsoNormal style='text-align:justify;font-size:14pt'><b><span style='color:red'>Điều 1.</span></b><span>&nbsp;Phạm vi <i>áp dụng</i><o:p></o:p></span></p>
    <p class=MsoNormal><o:p>&nbsp;</o:p></p>
    <p class=MsoListParagraphCxSpFirst style='mso-list:l0 level1 lfo1'><![if !supportLists]><span style='mso-list:Ignore'>-<span>&nbsp;&nbsp;</span></span><![endif]>Thôn Đồng Mây</p>
    <p class=MsoListParagraphCxSpLast style='mso-list:l0 level2 lfo1'><span style='mso-list:Ignore'>+ </span>Xóm Trên</p>
    <p class=MsoListParagraph style='mso-list:l1 level1 lfo2'><span style='mso-list:Ignore'>1. </span>Bước một</p>
    <table class=MsoTableGrid border=1 style='border-collapse:collapse'><tr style='height:20pt'><td width=100 colspan=2 style='border:solid'><p class=MsoNormal>Ô gộp</p></td></tr><tr><td><p>a</p></td><td><p>b</p></td></tr></table>
    <p><a href="javascript:alert(1)">xấu</a> <a href="https://example.vn/x" style="color:blue" onclick="x()">tốt</a></p>
    <script>alert(1)</script><img src="file:///C:/anh.jpg"><!--EndFragment--></body></html>`);
  const html = await body();
  assert.match(html, /<h2>Kế hoạch<\/h2>/);
  assert.match(html, /<p><strong>Điều 1\.<\/strong> Phạm vi <em>áp dụng<\/em><\/p>/);
  assert.match(html, /<ul><li><p>Thôn Đồng Mây<\/p><ul><li><p>Xóm Trên<\/p><\/li><\/ul><\/li><\/ul>/);
  assert.match(html, /<ol><li><p>Bước một<\/p><\/li><\/ol>/);
  assert.match(html, /<td colspan="2"><p>Ô gộp<\/p><\/td>/);
  assert.match(html, /<a href="https:\/\/example\.vn\/x">tốt<\/a>/);
  for (const gone of ["javascript", "onclick", "style", "class=", "Mso", "\u00a0", "&nbsp;", "<p></p>", "<img", "alert"]) assert.equal(html.includes(gone), false, gone);
  assert.match(await text(".editor-note"), /1 ảnh không dán được/);
});

test("Google Docs' bold wrapper is no bold, and old fonts are told", async () => {
  await emptyEditor();
  await paste(`<b style="font-weight:normal" id="docs-internal-guid-1"><p><span style="font-weight:700">Đậm</span><span style="font-weight:400;font-family:.VnTime"> thường</span></p></b>`);
  assert.equal(await body(), "<p><strong>Đậm</strong> thường</p>");
  assert.match(await text(".editor-note"), /phông cũ/);
});

test("a pasted picture is uploaded, described and captioned", async () => {
  await emptyEditor();
  await page.keyboard.type("Trước ảnh.");
  await page.$eval(".ProseMirror", (e) => {
    const data = new DataTransfer();
    data.items.add(new File([new Uint8Array([1, 2, 3])], "anh.png", { type: "image/png" }));
    e.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
  });
  await until(() => document.querySelector("#body").value.includes("/anh/canh-dong.svg"));
  assert.equal(gallery.asked.filter((r) => r.path === "/desk/media").length, 1);
  await page.type(".editor-figure .input", "Cánh đồng lúa");
  await page.click(".editor-figure figcaption");
  await page.keyboard.type("Vào vụ gặt.");
  assert.equal(await body(), '<p>Trước ảnh.</p><figure><img src="/anh/canh-dong.svg" alt="Cánh đồng lúa" width="1200" height="800"><figcaption>Vào vụ gặt.</figcaption></figure>');
});

test("a refused picture leaves nothing behind but the reason", async () => {
  await emptyEditor();
  await page.keyboard.type("Chữ.");
  await page.$eval("#body", (e) => (e.dataset.media = "/desk/media?fail=415"));
  await page.$eval(".ProseMirror", (e) => {
    const data = new DataTransfer();
    data.items.add(new File(["x"], "anh.svg", { type: "image/svg+xml" }));
    e.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
  });
  await until(() => document.querySelector(".editor-note")?.textContent.includes("Từ chối với mã 415."));
  assert.equal(await body(), "<p>Chữ.</p>");
});

test("a link is set by keyboard", async () => {
  await emptyEditor();
  await page.keyboard.type("cổng tỉnh");
  await page.keyboard.down("Control");
  await page.keyboard.press("a");
  await page.keyboard.press("k");
  await page.keyboard.up("Control");
  await page.keyboard.type("example.vn/tin");
  await page.keyboard.press("Enter");
  assert.equal(await body(), '<p><a href="https://example.vn/tin">cổng tỉnh</a></p>');
});

test("the toolbar is one Tab stop with arrows inside", async () => {
  await emptyEditor();
  assert.equal(await page.$$eval(".editor-bar button", (b) => b.filter((x) => x.tabIndex === 0 && !x.hidden).length), 1);
  await page.focus(".editor-bar [tabindex='0']");
  const first = await page.evaluate(() => document.activeElement.getAttribute("aria-label"));
  await page.keyboard.press("ArrowRight");
  assert.notEqual(await page.evaluate(() => document.activeElement.getAttribute("aria-label")), first);
});

test("without script the plain field is there", async () => {
  await page.setJavaScriptEnabled(false);
  await go("desk-compose");
  assert.ok(await page.$eval("#body", (e) => e.getBoundingClientRect().height > 300));
  assert.equal((await page.$$(".side-panel > section")).length, 3);
});

test("pictures and authors are moved, removed, brought back", async () => {
  await go("desk-compose");
  const names = () => page.$$eval("[name=author_name]", (all) => all.map((e) => e.value));
  await page.click("#people .person:nth-child(2) [data-row=up]");
  assert.deepEqual(await names(), ["Đỗ Minh Khôi", "Lê Thị Vân"]);
  await page.click("#people .person:nth-child(1) [data-row=remove]");
  assert.deepEqual(await names(), ["Lê Thị Vân"]);
  await page.click(".toast button");
  assert.deepEqual(await names(), ["Đỗ Minh Khôi", "Lê Thị Vân"]);
  await page.click("[data-rows-for=people]");
  assert.equal((await names()).length, 3);
  const ids = await page.$$eval("#people [id]", (all) => all.map((e) => e.id));
  assert.equal(new Set(ids).size, ids.length);
  const input = await page.$("#anh-moi");
  await input.uploadFile("gallery/anh/le-hoi.svg");
  await until(() => document.querySelectorAll("#figures .figure-item").length === 2);
  assert.equal(await page.$$eval("[name=figure_sha]", (all) => all.at(-1).value), "5f2c");
});

test("a dialog opens in place of its page, keeps the focus, closes on Esc", async () => {
  await go("desk-review");
  await page.focus("[data-dialog=return]");
  await page.keyboard.press("Enter");
  assert.equal(await page.$eval("#return", (e) => e.open), true);
  await page.keyboard.press("Escape");
  assert.equal(await page.$eval("#return", (e) => e.open), false);
  assert.equal(await page.evaluate(() => document.activeElement.dataset.dialog), "return");
});

test("shortcuts work, are listed under ?, and rest while somebody types", async () => {
  await go("desk-work");
  await page.keyboard.press("?");
  assert.match(await text("dialog .keys"), /Soạn bài mới/);
  await page.keyboard.press("Escape");
  await page.keyboard.press("/");
  assert.equal(await page.evaluate(() => document.activeElement.id), "tim");
  await page.keyboard.type("c?");
  assert.equal(await page.$("dialog[open]"), null);
  assert.equal(await page.$eval("#tim", (e) => e.value), "c?");
  await page.evaluate(() => document.activeElement.blur());
  await Promise.all([page.waitForNavigation(), page.keyboard.press("g").then(() => page.keyboard.press("b"))]);
  assert.match(page.url(), /desk-board$/);
});

test("one event stream serves every tab, and another tab takes over", async () => {
  await go("desk-work");
  const second = await open();
  await go("desk-board", second);
  for (const end = Date.now() + 8_000; gallery.listening() !== 1 && Date.now() < end; ) await page.evaluate(() => new Promise((done) => requestIdleCallback(done)));
  assert.equal(gallery.listening(), 1);
  await second.bringToFront();
  await second.$eval("#board .card", (e) => e.setAttribute("data-stale", ""));
  gallery.tell({ topics: ["board"], toast: "Bài mới vào bảng." });
  await second.waitForFunction(() => !document.querySelector("#board [data-stale]"), { timeout: 8_000 });
  await second.waitForFunction(() => document.querySelector(".toast")?.textContent.includes("Bài mới vào bảng."), { timeout: 8_000 });
  await page.close();
  page = second;
  await until(() => navigator.locks.query().then((q) => q.held.length === 1));
  for (const end = Date.now() + 8_000; gallery.listening() !== 1 && Date.now() < end; ) await page.evaluate(() => new Promise((done) => requestIdleCallback(done)));
  assert.equal(gallery.listening(), 1);
});

test("a live change does not take the text from under somebody's hands", async () => {
  await go("desk-table");
  await page.$eval("#table", (e) => {
    const field = document.createElement("input");
    e.querySelector("td").append(field);
    field.focus();
  });
  await page.keyboard.type("đang gõ");
  for (const end = Date.now() + 8_000; gallery.listening() !== 1 && Date.now() < end; ) await page.evaluate(() => new Promise((done) => requestIdleCallback(done)));
  const [asked] = await Promise.all([page.waitForResponse((r) => r.request().headers()["x-live"] === "1"), gallery.tell({ topics: ["board"] })]);
  await asked.text();
  assert.equal(await page.$eval("#table input", (e) => e.value), "đang gõ");
});

test("the board remembers how dense it shall be", async () => {
  await go("desk-board");
  await page.click("[data-density=compact]");
  await page.reload();
  assert.equal(await page.$eval("html", (e) => e.dataset.density), "compact");
  assert.equal(await page.$eval("button[data-density=compact]", (e) => e.getAttribute("aria-pressed")), "true");
});

test("a form is sent once, however often its button is pressed", async () => {
  await go("desk-receipts");
  await page.evaluate(() => {
    addEventListener("submit", (e) => {
      window.passed = (window.passed ?? 0) + (e.defaultPrevented ? 0 : 1);
      e.preventDefault();
    });
    const button = document.querySelector("#thu form button");
    button.click();
    button.click();
  });
  assert.equal(await page.evaluate(() => window.passed), 1);
});

test("the decision page works without script: choose, see the sheet, close it", async () => {
  await page.setJavaScriptEnabled(false);
  await page.setViewport({ width: 360, height: 740, isMobile: true, hasTouch: true });
  await go("decide");
  const shown = (selector) => page.$eval(selector, (e) => e.getBoundingClientRect().height > 0);
  assert.equal(await shown("#pin"), false);
  await page.click(".decide-choice.approve input");
  assert.equal(await shown("#pin"), true);
  assert.equal(await shown("#reason"), false);
  assert.equal(await shown(".button-approve"), true);
  await page.click(".decide-choice.reject input");
  assert.equal(await shown("#reason"), true);
  assert.equal(await shown(".button-approve"), false);
  await page.click(".decide-form [type=reset]");
  assert.equal(await shown("#pin"), false);
});

test("the decision page stays under 60 KB without pictures", async () => {
  const weights = new Map();
  page.on("response", async (r) => /\.(css|js|svg)$|decide$/.test(r.url()) && !r.url().includes("/anh/") && weights.set(r.url(), (await r.buffer()).length));
  await go("decide");
  await until(() => document.fonts.status === "loaded");
  const total = [...weights.values()].reduce((a, b) => a + b, 0);
  assert.ok(weights.size >= 3);
  assert.ok(total < 60_000, `${total} bytes before any compression`);
});
