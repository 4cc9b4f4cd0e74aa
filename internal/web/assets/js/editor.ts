import { Editor } from "@tiptap/core";
import type { Node as PictureNode } from "@tiptap/pm/model";
import type { Transaction } from "@tiptap/pm/state";
import { all, icon, make } from "./common/dom";
import { t } from "./common/words";
import { pictures, upload } from "./desk/upload";
import { cleanPaste } from "./editor/paste";
import { extensions } from "./editor/schema";
import { toolbar } from "./editor/toolbar";

for (const source of all<HTMLTextAreaElement>("textarea[data-editor]")) edit(source);

/** Puts the editor over a textarea, which keeps holding the HTML: posting, autosave and a page without script stay the same. */
function edit(source: HTMLTextAreaElement): void {
  const label = source.labels?.[0]?.textContent?.trim() ?? source.getAttribute("aria-label") ?? "";
  const foot = make("div", { class: "editor-foot" }, make("span", {}, t("editor.paste_hint")), make("span", { class: "num" }));
  const place = make("div");
  const box = make("div", { class: "editor" }, place, foot);
  source.before(box);
  source.hidden = true;

  let writing = false;
  const editor = new Editor({
    element: place,
    injectCSS: false,
    extensions: extensions(source.dataset.placeholder ?? ""),
    content: source.value,
    editorProps: {
      attributes: { class: "prose", role: "textbox", "aria-multiline": "true", "aria-label": label, lang: source.lang || "vi", spellcheck: "true" },
      transformPastedHTML: (html) => {
        keepOriginal(html);
        const pasted = cleanPaste(html);
        const advice = [pasted.lost && t("editor.images_lost", { n: pasted.lost }), pasted.legacyFont && t("editor.legacy_font")].filter(Boolean);
        if (advice.length) note(advice.join(" "));
        if (pasted.images.size) setTimeout(() => void send(pasted.images)); // after the text has been put in
        return pasted.html;
      },
      handlePaste: (_view, event) => {
        const files = pictures(event.clipboardData?.files);
        if (!files.length || event.clipboardData?.getData("text/html")?.match(/<(p|table|li|td)\b/i)) return false; // Word adds a picture of the text
        void insert(files);
        return true;
      },
      handleDrop: (view, event, _slice, moved) => {
        const files = pictures(event.dataTransfer?.files);
        if (moved || !files.length) return false;
        event.preventDefault();
        const at = view.posAtCoords({ left: event.clientX, top: event.clientY });
        if (at) editor.commands.setTextSelection(at.pos);
        void insert(files);
        return true;
      },
      handleKeyDown: (_view, event) => {
        if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
          event.preventDefault();
          linkForm();
          return true;
        }
        return false;
      },
    },
    onUpdate: () => {
      writing = true;
      source.value = html();
      source.dispatchEvent(new Event("input", { bubbles: true }));
      writing = false;
      counted();
    },
  });

  /** The article's HTML, without paragraphs that only make room while writing and pictures not yet uploaded. */
  function html(): string {
    const page = new DOMParser().parseFromString(editor.getHTML(), "text/html");
    for (const p of page.querySelectorAll("body > p, blockquote > p")) if (!p.textContent!.trim()) p.remove();
    for (const image of page.querySelectorAll('img[src^="blob:"]')) image.closest("figure")!.remove();
    return page.body.innerHTML;
  }

  source.addEventListener("restore", () => {
    if (!writing) editor.commands.setContent(source.value, { emitUpdate: false });
    counted();
  });

  const file = make("input", { type: "file", accept: "image/*", multiple: true, hidden: true, "aria-label": t("editor.image") });
  file.addEventListener("change", () => {
    void insert(pictures(file.files));
    file.value = "";
  });
  const bar = toolbar(editor, { link: linkForm, image: () => file.click() });
  box.prepend(bar, file);

  function counted(): void {
    const words = editor.getText({ blockSeparator: " " }).match(/[\p{L}\p{N}]+/gu)?.length ?? 0;
    foot.lastElementChild!.textContent = t("editor.count", { n: words.toLocaleString("vi-VN") });
  }
  counted();

  let noted: HTMLElement | undefined;
  function note(text: string, bar?: HTMLElement): HTMLElement {
    noted?.remove();
    const told = make("span", {}, text);
    const close = make("button", { type: "button", class: "button button-plain button-s", "aria-label": t("close") }, icon("close"));
    noted = make("div", { class: "editor-note", role: "status" }, told, ...(bar ? [bar] : [close]));
    close.addEventListener("click", () => noted?.remove());
    box.querySelector(".editor-bar")!.after(noted);
    return told;
  }

  /** Shows new pictures at once where the cursor is, then sends them. */
  async function insert(files: File[]): Promise<void> {
    const shown = new Map(files.map((one) => [URL.createObjectURL(one), one]));
    const { $to } = editor.state.selection;
    const figures = [...shown.keys()].map((src) => ({ type: "figure", attrs: { src, alt: "" } }));
    editor.commands.insertContentAt($to.depth ? $to.after(1) : $to.pos, figures);
    await send(shown);
  }

  /** Uploads one after the other; each picture's address in the page is replaced by the server's, or it is taken out. */
  async function send(shown: Map<string, File>): Promise<void> {
    const url = source.dataset.media ?? "";
    for (const [address, one] of shown) {
      const bar = make("progress", { class: "progress", max: "100", value: "0", "aria-label": one.name });
      const told = note(t("upload.running", { name: one.name, percent: 0 }), bar);
      try {
        const picture = await upload(url, one, (percent) => {
          bar.value = percent;
          told.textContent = percent < 100 ? t("upload.running", { name: one.name, percent }) : t("upload.working", { name: one.name });
        });
        noted?.remove();
        atPicture(address, (tr, pos, node) =>
          tr.setNodeMarkup(pos, undefined, { ...node.attrs, src: picture.url, width: picture.width, height: picture.height }),
        );
      } catch (error) {
        note(`${one.name}: ${(error as Error).message}`);
        atPicture(address, (tr, pos, node) => tr.delete(pos, pos + node.nodeSize));
      } finally {
        URL.revokeObjectURL(address);
      }
    }
  }

  function atPicture(address: string, change: (tr: Transaction, pos: number, node: PictureNode) => void): void {
    const { state, view } = editor;
    state.doc.descendants((node, pos) => {
      if (node.type.name !== "figure" || node.attrs.src !== address) return true;
      const tr = state.tr;
      change(tr, pos, node);
      view.dispatch(tr);
      return false;
    });
  }

  let asked: HTMLElement | undefined;
  function linkForm(): void {
    asked?.remove();
    const field = make("input", { class: "input", type: "url", id: `${source.id}-link`, placeholder: "https://", value: editor.getAttributes("link").href ?? "" });
    const apply = make("button", { type: "button", class: "button button-s" }, t("editor.link_apply"));
    const remove = make("button", { type: "button", class: "button button-plain button-s" }, icon("unlink"), t("editor.link_remove"));
    asked = make("div", { class: "editor-form" }, make("div", { class: "field" }, make("label", { class: "label", for: field.id }, t("editor.link_address")), field), apply, remove);
    remove.hidden = !editor.isActive("link");
    const close = () => {
      asked?.remove();
      editor.commands.focus();
    };
    const put = () => {
      const typed = field.value.trim();
      const href = /^(https?:|mailto:|tel:|\/)/i.test(typed) ? typed : typed && `https://${typed}`;
      const chain = editor.chain().focus().extendMarkRange("link");
      if (!href) chain.unsetLink().run();
      else if (editor.state.selection.empty && !editor.isActive("link")) chain.insertContent({ type: "text", text: typed, marks: [{ type: "link", attrs: { href } }] }).run();
      else chain.setLink({ href }).run();
      asked?.remove();
    };
    apply.addEventListener("click", put);
    remove.addEventListener("click", () => {
      editor.chain().focus().extendMarkRange("link").unsetLink().run();
      asked?.remove();
    });
    field.addEventListener("keydown", (event) => {
      if (event.key === "Enter") {
        event.preventDefault();
        put();
      } else if (event.key === "Escape") {
        event.stopPropagation();
        close();
      }
    });
    bar.after(asked);
    field.focus();
    field.select();
  }

  /** The newsroom keeps what was pasted as it came, beside the cleaned text. */
  function keepOriginal(raw: string): void {
    const field = source.form?.elements.namedItem("pasted_original");
    if (field instanceof HTMLTextAreaElement && raw.length < 1_000_000) field.value = raw;
  }
}
