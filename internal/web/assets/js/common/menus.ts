import { all } from "./dom";

/** Folded menus close on Esc and on a press elsewhere; an error summary takes the focus. */
export function menus(): void {
  const opened = () => all<HTMLDetailsElement>("details[data-close-outside][open]");
  document.addEventListener("click", (event) => {
    for (const menu of opened()) if (!menu.contains(event.target as Node)) menu.open = false;
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of opened()) {
      menu.open = false;
      menu.querySelector("summary")?.focus();
    }
  });
  document.querySelector<HTMLElement>("[data-focus]")?.focus();
}
