import { icon, make } from "./dom";
import { t } from "./words";

export interface Toast {
  text: string;
  bad?: boolean;
  /** One thing the person can do about it, such as undo. */
  action?: { label: string; run: () => void };
}

let box: HTMLElement | undefined;

/** Says what happened in a corner, also to screen readers. Bad news and offers stay until closed, the rest eight seconds. */
export function toast({ text, bad, action }: Toast): void {
  if (!box) {
    box = make("div", { class: "toasts", role: "status" });
    document.body.append(box);
  }
  const close = make("button", { type: "button", "aria-label": t("close") }, icon("close"));
  const item = make("div", { class: bad ? "toast toast-bad" : "toast" }, icon(bad ? "alert" : "check"), make("span", {}, text));
  if (action) {
    const button = make("button", { type: "button" }, action.label);
    button.addEventListener("click", () => {
      item.remove();
      action.run();
    });
    item.append(button);
  }
  item.append(close);
  close.addEventListener("click", () => item.remove());
  box.append(item);
  if (!bad) setTimeout(() => item.remove(), action ? 15_000 : 8_000);
}
