import type { ChainedCommands, Editor } from "@tiptap/core";
import { icon, make } from "../common/dom";
import { t } from "../common/words";

interface Tool {
  icon: string;
  label: string;
  keys?: string;
  run: (chain: ChainedCommands) => ChainedCommands;
  active?: (editor: Editor) => boolean;
  /** Shown only where it has a meaning. */
  when?: (editor: Editor) => boolean;
  text?: string;
}

interface Opened {
  link: () => void;
  image: () => void;
}

/** The quiet bar over the text: one Tab stop, arrows inside (WAI-ARIA toolbar). */
export function toolbar(editor: Editor, open: Opened): HTMLElement {
  const inTable = (e: Editor) => e.isActive("table");
  const groups: Tool[][] = [
    [
      { icon: "undo", label: t("editor.undo"), keys: "Ctrl+Z", run: (c) => c.undo() },
      { icon: "redo", label: t("editor.redo"), keys: "Ctrl+Y", run: (c) => c.redo() },
    ],
    [
      { icon: "heading2", label: t("editor.heading2"), keys: "Ctrl+Alt+2", run: (c) => c.toggleHeading({ level: 2 }), active: (e) => e.isActive("heading", { level: 2 }) },
      { icon: "heading3", label: t("editor.heading3"), keys: "Ctrl+Alt+3", run: (c) => c.toggleHeading({ level: 3 }), active: (e) => e.isActive("heading", { level: 3 }) },
    ],
    [
      { icon: "bold", label: t("editor.bold"), keys: "Ctrl+B", run: (c) => c.toggleBold(), active: (e) => e.isActive("bold") },
      { icon: "italic", label: t("editor.italic"), keys: "Ctrl+I", run: (c) => c.toggleItalic(), active: (e) => e.isActive("italic") },
    ],
    [
      { icon: "list", label: t("editor.list"), keys: "Ctrl+Shift+8", run: (c) => c.toggleBulletList(), active: (e) => e.isActive("bulletList") },
      { icon: "list-ordered", label: t("editor.list_ordered"), keys: "Ctrl+Shift+7", run: (c) => c.toggleOrderedList(), active: (e) => e.isActive("orderedList") },
      { icon: "quote", label: t("editor.quote"), keys: "Ctrl+Shift+B", run: (c) => c.toggleBlockquote(), active: (e) => e.isActive("blockquote") },
    ],
  ];
  const tableTools: Tool[] = [
    { icon: "add", text: t("editor.row"), label: t("editor.row_add"), run: (c) => c.addRowAfter(), when: inTable },
    { icon: "minus", text: t("editor.row"), label: t("editor.row_remove"), run: (c) => c.deleteRow(), when: inTable },
    { icon: "add", text: t("editor.column"), label: t("editor.column_add"), run: (c) => c.addColumnAfter(), when: inTable },
    { icon: "minus", text: t("editor.column"), label: t("editor.column_remove"), run: (c) => c.deleteColumn(), when: inTable },
    { icon: "trash", label: t("editor.table_remove"), run: (c) => c.deleteTable(), when: inTable },
  ];

  const bar = make("div", { class: "editor-bar", role: "toolbar", "aria-label": t("editor.toolbar") });
  const made: { button: HTMLButtonElement; tool: Tool }[] = [];
  const gap = () => make("span", { class: "gap", "aria-hidden": "true" });

  const add = (tool: Tool) => {
    const title = tool.keys ? `${tool.label} (${tool.keys})` : tool.label;
    const button = make("button", { type: "button", "aria-label": tool.label, title, tabindex: "-1" }, icon(tool.icon), ...(tool.text ? [tool.text] : []));
    button.addEventListener("mousedown", (event) => event.preventDefault()); // the selection stays in the text
    button.addEventListener("click", () => tool.run(editor.chain().focus()).run());
    bar.append(button);
    made.push({ button, tool });
  };
  groups.forEach((group, i) => {
    if (i) bar.append(gap());
    group.forEach(add);
  });
  bar.append(gap());
  const opener = (name: string, label: string, keys: string, run: () => void, active?: (e: Editor) => boolean) => {
    const button = make("button", { type: "button", "aria-label": label, title: keys ? `${label} (${keys})` : label, tabindex: "-1" }, icon(name));
    button.addEventListener("mousedown", (event) => event.preventDefault());
    button.addEventListener("click", run);
    bar.append(button);
    made.push({ button, tool: { icon: name, label, run: (c) => c, active } });
  };
  opener("link", t("editor.link"), "Ctrl+K", open.link, (e) => e.isActive("link"));
  opener("image", t("editor.image"), "", open.image);
  add({ icon: "table", label: t("editor.table"), run: (c) => c.insertTable({ rows: 3, cols: 3, withHeaderRow: true }), when: (e) => !inTable(e) });
  const tableGap = gap();
  bar.append(tableGap);
  tableTools.forEach(add);

  const show = () => {
    for (const { button, tool } of made) {
      if (tool.active) button.setAttribute("aria-pressed", String(tool.active(editor)));
      if (tool.when) button.hidden = !tool.when(editor);
      if (tool.icon === "undo" || tool.icon === "redo") button.disabled = !tool.run(editor.can().chain()).run();
    }
    tableGap.hidden = !inTable(editor);
    const stops = usable();
    if (!stops.some((b) => b.tabIndex === 0)) stops[0]?.setAttribute("tabindex", "0");
  };
  const usable = () => made.map(({ button }) => button).filter((b) => !b.hidden && !b.disabled);
  bar.addEventListener("focusin", (event) => {
    for (const { button } of made) button.tabIndex = button === event.target ? 0 : -1;
  });
  bar.addEventListener("keydown", (event) => {
    const stops = usable();
    const at = stops.indexOf(document.activeElement as HTMLButtonElement);
    const next = { ArrowRight: at + 1, ArrowLeft: at - 1 + stops.length, Home: 0, End: stops.length - 1 }[event.key];
    if (next === undefined || at < 0) return;
    event.preventDefault();
    stops[next % stops.length].focus();
  });
  editor.on("transaction", show);
  show();
  return bar;
}
