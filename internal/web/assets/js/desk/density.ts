import { all, setCookie } from "../common/dom";

/** Thoáng or Gọn: how much room a card takes; remembered in a cookie that early.js and the server read. */
export function density(): void {
  const buttons = all<HTMLButtonElement>("[data-density-switch] [data-density]");
  const show = () => {
    const now = document.documentElement.dataset.density ?? "roomy";
    for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset.density === now));
  };
  for (const button of buttons) {
    button.addEventListener("click", () => {
      document.documentElement.dataset.density = button.dataset.density;
      setCookie("density", button.dataset.density!);
      show();
    });
  }
  show();
}
