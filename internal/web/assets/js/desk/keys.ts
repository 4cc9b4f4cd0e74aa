import { all, icon, isTyping, make } from "../common/dom";
import { t } from "../common/words";

const waitMs = 1_200;

/**
 * Whatever carries data-key is pressed by these keys: one ("c"), two in a row ("g b"), or with Ctrl or Cmd ("mod+s").
 * Single keys rest while somebody types or a dialog is open. "?" lists them all.
 */
export function keys(): void {
  let before = "";
  let beforeAt = 0;
  document.addEventListener("keydown", (event) => {
    if (event.isComposing || event.altKey) return; // Vietnamese input methods compose
    const mod = event.ctrlKey || event.metaKey;
    if (!mod && (isTyping(event.target) || document.querySelector("dialog[open]"))) return;
    const pressed = mod ? `mod+${event.key.toLowerCase()}` : event.key;
    if (pressed === "?") {
      event.preventDefault();
      return help();
    }
    const pair = event.timeStamp - beforeAt < waitMs ? `${before} ${pressed}` : "";
    before = pressed;
    beforeAt = event.timeStamp;
    const target = all("[data-key]").find((e) => e.dataset.key === pair || e.dataset.key === pressed);
    if (!target) return;
    event.preventDefault();
    before = "";
    if (isTyping(target)) target.focus();
    else target.click();
  });
  for (const button of all("[data-help]")) button.addEventListener("click", help);
}

function help(): void {
  const list = make("dl", { class: "keys" });
  const listed = new Set<string>();
  const add = (combination: string, label: string) => {
    if (listed.has(combination)) return;
    listed.add(combination);
    const caps = combination.split(/[ +]/).map((k) => make("kbd", {}, k === "mod" ? "Ctrl" : k));
    list.append(make("dt", {}, ...caps.flatMap((cap, i) => (i ? [" ", cap] : [cap]))), make("dd", {}, label));
  };
  for (const element of all("[data-key]")) {
    add(element.dataset.key!, element.dataset.keyLabel || element.getAttribute("aria-label") || element.textContent!.trim());
  }
  add("?", t("keys.help"));
  add("Esc", t("keys.close"));

  const close = make("button", { class: "button button-plain button-icon", type: "button", "aria-label": t("close") }, icon("close"));
  const dialog = make(
    "dialog",
    { class: "dialog", "aria-labelledby": "keys-title" },
    make("div", { class: "dialog-head" }, make("h2", { id: "keys-title" }, t("keys.title")), close),
    make("div", { class: "dialog-body" }, list),
  );
  close.addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}
