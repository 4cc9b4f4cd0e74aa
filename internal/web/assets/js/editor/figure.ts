import { Node, type NodeViewRendererProps } from "@tiptap/core";
import { make } from "../common/dom";
import { t } from "../common/words";

let count = 0;

/** A picture with its caption (the node's text) and its description for those who do not see it (alt). */
export const Figure = Node.create({
  name: "figure",
  group: "block",
  content: "inline*",
  draggable: true,
  isolating: true,

  addAttributes() {
    const number = (name: string) => ({ default: null, parseHTML: (e: HTMLElement) => (imageOf(e)?.getAttribute(name) ?? null) && Number(imageOf(e)!.getAttribute(name)) });
    return {
      src: { default: null, parseHTML: (e) => imageOf(e)?.getAttribute("src") },
      alt: { default: "", parseHTML: (e) => imageOf(e)?.getAttribute("alt") ?? "" },
      width: number("width"),
      height: number("height"),
    };
  },

  parseHTML() {
    const nothing = document.createElement("figcaption");
    return [
      {
        tag: "figure",
        getAttrs: (e) => (e.querySelector("img[src]") ? null : false),
        contentElement: (e) => (e as HTMLElement).querySelector<HTMLElement>("figcaption") ?? nothing,
      },
      { tag: "img[src]", contentElement: nothing },
    ];
  },

  renderHTML({ node }) {
    const { src, alt, width, height } = node.attrs;
    return ["figure", ["img", { src, alt, width, height }], ["figcaption", 0]];
  },

  addKeyboardShortcuts() {
    return {
      // Enter in a caption goes on below the picture; a caption is one line.
      Enter: ({ editor }) => {
        const { $from } = editor.state.selection;
        if ($from.parent.type.name !== this.name) return false;
        const after = $from.after();
        return editor.chain().insertContentAt(after, { type: "paragraph" }).setTextSelection(after + 1).run();
      },
      Backspace: ({ editor }) => {
        const { $from, empty } = editor.state.selection;
        if (!empty || $from.parent.type.name !== this.name || $from.parentOffset > 0) return false;
        return editor.commands.setNodeSelection($from.before());
      },
    };
  },

  addNodeView() {
    return ({ node, editor, getPos }: NodeViewRendererProps) => {
      const id = `figure-alt-${++count}`;
      const image = make("img", { draggable: "false" });
      const caption = make("figcaption", { "data-placeholder": t("editor.caption") });
      const alt = make("input", { class: "input", id, type: "text", maxlength: "500" });
      const dom = make(
        "figure",
        { class: "editor-figure" },
        image,
        caption,
        make("div", { class: "editor-figure-alt", contenteditable: "false" }, make("label", { for: id }, t("editor.alt")), alt),
      );
      const show = (current: typeof node) => {
        if (image.getAttribute("src") !== current.attrs.src) image.src = current.attrs.src;
        image.alt = current.attrs.alt;
        if (alt.value !== current.attrs.alt) alt.value = current.attrs.alt;
        caption.classList.toggle("is-empty", current.content.size === 0);
        dom.toggleAttribute("data-missing-alt", !current.attrs.alt);
      };
      alt.addEventListener("input", () => {
        const pos = typeof getPos === "function" ? getPos() : undefined;
        if (pos === undefined) return;
        editor.view.dispatch(editor.state.tr.setNodeAttribute(pos, "alt", alt.value));
      });
      show(node);
      return {
        dom,
        contentDOM: caption,
        update(next) {
          if (next.type !== node.type) return false;
          show(next);
          return true;
        },
        stopEvent: (event) => event.target instanceof globalThis.Node && alt.parentElement!.contains(event.target),
        ignoreMutation: (mutation) => !caption.contains(mutation.target) || mutation.type === "attributes",
      };
    };
  },
});

function imageOf(element: HTMLElement): HTMLImageElement | null {
  return element instanceof HTMLImageElement ? element : element.querySelector("img");
}
