import { mergeAttributes } from "@tiptap/core";
import { Table, TableCell, TableHeader, TableRow } from "@tiptap/extension-table";
import { Placeholder } from "@tiptap/extensions";
import StarterKit from "@tiptap/starter-kit";
import { t } from "../common/words";
import { Figure } from "./figure";

// The markup of an article and nothing else: p h2 h3 ul ol li strong em a br blockquote table figure. The server cleans
// again; here it only keeps what cannot survive from being written. No node writes a style attribute (strict CSP).

const spans = { colspan: { default: 1 }, rowspan: { default: 1 }, colwidth: { default: null, rendered: false, parseHTML: () => null } };

const PlainTable = Table.extend({
  renderHTML: ({ HTMLAttributes }) => ["table", mergeAttributes(HTMLAttributes), ["tbody", 0]],
});

export function extensions(label: string) {
  return [
    StarterKit.configure({
      heading: { levels: [2, 3] },
      code: false,
      codeBlock: false,
      horizontalRule: false,
      strike: false,
      underline: false,
      trailingNode: false,
      dropcursor: { class: "drop-cursor", color: false, width: 3 },
      link: {
        openOnClick: false,
        protocols: ["mailto", "tel"],
        defaultProtocol: "https",
        HTMLAttributes: { target: null, rel: null, class: null },
      },
    }),
    PlainTable.configure({ resizable: false, View: null }),
    TableRow,
    TableHeader.extend({ addAttributes: () => spans }),
    TableCell.extend({ addAttributes: () => spans }),
    Figure,
    Placeholder.configure({ placeholder: label || t("editor.placeholder"), emptyEditorClass: "editor-placeholder", emptyNodeClass: "" }),
  ];
}
