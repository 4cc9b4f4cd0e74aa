// What Word, Google Docs and web pages put on the clipboard, brought down to the markup of an article: structure stays
// (headings, lists, tables, bold, links, captions), looks go. The server cleans everything once more.

export interface Pasted {
  html: string;
  /** Pictures that came inside the HTML as data: their address in the page until they are uploaded, and the file. */
  images: Map<string, File>;
  /** Pictures that only the other program could read (file:, cid:, other sites). */
  lost: number;
  /** Text in TCVN3 or VNI letters (.VnTime, VNI-Times): the office's check offers to convert it. */
  legacyFont: boolean;
}

const kept = new Set(["P", "H2", "H3", "UL", "OL", "LI", "STRONG", "EM", "A", "BR", "IMG", "FIGURE", "FIGCAPTION", "TABLE", "TBODY", "THEAD", "TFOOT", "TR", "TD", "TH", "BLOCKQUOTE"]);
const dropped = "style, script, meta, link, title, xml, template, iframe, object, embed, form, input, button, select, textarea, svg, canvas, video, audio, head > *";
const blocks = "p, h2, h3, ul, ol, table, blockquote, figure, div";

export function cleanPaste(html: string, ownOrigin = location.origin): Pasted {
  const legacyFont = /(?:\.Vn[A-Z]|VNI-)/.test(html);
  const page = new DOMParser().parseFromString(inert(html), "text/html");
  const body = page.body;
  for (const e of [...body.querySelectorAll(dropped)]) e.remove();
  for (const e of [...body.querySelectorAll<HTMLElement>("*")]) if (/display:\s*none|mso-hide:\s*all/i.test(styleOf(e))) e.remove();

  wordLists(page);
  marks(page);
  captions(page);
  const { images, lost } = imagesIn(body, ownOrigin);
  for (const e of [...body.querySelectorAll<HTMLElement>("*")].reverse()) flatten(e);
  spaces(body);
  for (const p of [...body.querySelectorAll("p, h2, h3, li, blockquote, figcaption")]) {
    if (!p.textContent!.trim() && !p.querySelector("img, table")) p.remove();
  }
  return { html: body.innerHTML, images, lost, legacyFont };
}

/** Without comments, style sheets and Office's own tags; styles become data, which the page's policy lets pass unread. */
function inert(html: string): string {
  return html
    .replace(/<!--[\s\S]*?-->|<!\[(?:if|endif)[\s\S]*?\]>|<style[\s\S]*?<\/style\s*>|<\/?[ovwm]:[^>]*>/gi, "")
    .replace(/<[a-z](?:"[^"]*"|'[^']*'|[^>"'])*>/gi, (tag) => tag.replace(/\sstyle\s*=/gi, " data-style=").replace(/\son[a-z]+\s*=/gi, " data-on="));
}

const styleOf = (e: Element) => e.getAttribute("data-style") ?? "";

/** Word writes a list item as a paragraph with a mark in its style; the mark's text is in a span to be ignored. */
function wordLists(page: Document): void {
  let open: { list: HTMLElement; level: number; kind: string }[] = [];
  for (const p of [...page.body.querySelectorAll<HTMLElement>("p")]) {
    const found = styleOf(p).match(/mso-list:\s*(l\d+)\s+level(\d+)/i);
    if (!found) {
      open = [];
      continue;
    }
    const level = Number(found[2]);
    const mark = [...p.querySelectorAll<HTMLElement>("span")].find((s) => /mso-list:\s*ignore/i.test(styleOf(s)));
    const numbered = /^\s*(?:\d+|[a-zđ]|[ivx]+)[.)]/i.test(mark?.textContent ?? "");
    mark?.remove();
    if (open.length && p.previousElementSibling !== open[0].list) open = [];
    while (open.length && open[open.length - 1].level > level) open.pop();
    const kind = found[1] + numbered;
    let at: (typeof open)[number] | undefined = open[open.length - 1];
    if (at?.level === level && at.kind !== kind) {
      open.pop();
      at = open[open.length - 1];
    }
    if (!at || at.level < level) {
      const list = page.createElement(numbered ? "ol" : "ul");
      const parent = at?.list.lastElementChild;
      if (parent) parent.append(list);
      else p.before(list);
      at = { list, level, kind };
      open.push(at);
    }
    const item = page.createElement("li");
    item.append(...p.childNodes);
    at.list.append(item);
    p.remove();
  }
}

/** Bold and italic that are written as tags or as styles become strong and em; headings outside h2–h3 the nearest. */
function marks(page: Document): void {
  const rename = (e: Element, tag: string) => {
    const next = page.createElement(tag);
    for (const { name, value } of [...e.attributes]) next.setAttribute(name, value);
    next.append(...e.childNodes);
    e.replaceWith(next);
    return next;
  };
  for (const e of [...page.body.querySelectorAll("h1")]) rename(e, "h2");
  for (const e of [...page.body.querySelectorAll("h4, h5, h6")]) rename(e, "h3");
  for (const e of [...page.body.querySelectorAll(".MsoTitle")]) if (e.tagName === "P") rename(e, "h2");
  for (const e of [...page.body.querySelectorAll("b, strong, i, em, span, font")]) {
    const style = styleOf(e);
    const bold = /^(B|STRONG)$/.test(e.tagName) ? !/font-weight:\s*(?:normal|400)/i.test(style) : /font-weight:\s*(?:bold|[6-9]00)/i.test(style);
    const italic = /^(I|EM)$/.test(e.tagName) ? !/font-style:\s*normal/i.test(style) : /font-style:\s*italic/i.test(style);
    if (e.closest("h2, h3")) {
      e.replaceWith(...e.childNodes); // a heading is bold by itself
      continue;
    }
    let inner: Element = page.createElement("span");
    inner.append(...e.childNodes);
    if (italic) inner = wrap(page, "em", inner);
    if (bold) inner = wrap(page, "strong", inner);
    e.replaceWith(inner);
  }
}

function wrap(page: Document, tag: string, inner: Element): Element {
  const outer = page.createElement(tag);
  outer.append(inner);
  return outer;
}

/** Word's caption is a paragraph of its own after the picture; an article's belongs to the picture. */
function captions(page: Document): void {
  for (const caption of [...page.body.querySelectorAll("p.MsoCaption")]) {
    const before = caption.previousElementSibling;
    const image = before?.querySelector("img");
    if (!before || !image || before.textContent!.trim()) continue;
    const figure = page.createElement("figure");
    const text = page.createElement("figcaption");
    text.append(...caption.childNodes);
    figure.append(image, text);
    before.replaceWith(figure);
    caption.remove();
  }
}

function imagesIn(body: HTMLElement, ownOrigin: string): { images: Map<string, File>; lost: number } {
  const images = new Map<string, File>();
  let lost = 0;
  for (const image of [...body.querySelectorAll("img")]) {
    const src = image.getAttribute("src") ?? "";
    const data = src.match(/^data:(image\/(?:png|jpeg|gif|webp|avif|bmp));base64,([\s\S]+)$/i);
    if (data) {
      const bytes = Uint8Array.from(atob(data[2].replace(/\s/g, "")), (c) => c.charCodeAt(0));
      const file = new File([bytes], `pasted-${images.size + 1}.${data[1].slice(6)}`, { type: data[1] });
      const address = URL.createObjectURL(file);
      image.setAttribute("src", address);
      images.set(address, file);
    } else if (!/^\/anh\//.test(src.replace(ownOrigin, ""))) {
      image.remove();
      lost++;
    } else {
      image.setAttribute("src", src.replace(ownOrigin, ""));
    }
  }
  return { images, lost };
}

/** Drops what an article does not have, keeping its text, and every attribute but the few that mean something. */
function flatten(e: HTMLElement): void {
  if (!kept.has(e.tagName)) {
    const block = /^(DIV|SECTION|ARTICLE|MAIN|HEADER|FOOTER|ASIDE|CENTER|PRE|DL|DT|DD|ADDRESS)$/.test(e.tagName);
    if (block && !e.querySelector(blocks)) {
      const p = e.ownerDocument.createElement("p");
      p.append(...e.childNodes);
      e.replaceWith(p);
    } else {
      e.replaceWith(...e.childNodes);
    }
    return;
  }
  for (const { name, value } of [...e.attributes]) {
    const good =
      (e.tagName === "A" && name === "href" && /^(https?:|mailto:|tel:|\/)/i.test(value)) ||
      (e.tagName === "IMG" && /^(src|alt|width|height)$/.test(name)) ||
      (/^T[DH]$/.test(e.tagName) && /^(colspan|rowspan)$/.test(name));
    if (!good) e.removeAttribute(name);
  }
  if (e.tagName === "A" && !e.hasAttribute("href")) e.replaceWith(...e.childNodes);
}

/** No-break and odd spaces become spaces, line ends inside a paragraph too; invisible marks go; letters are composed. */
function spaces(body: HTMLElement): void {
  const walker = body.ownerDocument.createTreeWalker(body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode as Text;
    text.data = text.data.normalize("NFC").replace(/[\u200b\ufeff]/g, "").replace(/[\u00a0\u2007\u202f\s]+/g, " ");
  }
}
