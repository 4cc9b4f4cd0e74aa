import { all, setCookie } from "./dom";

const root = document.documentElement;
const sizes = ["s", "m", "l", "xl"];

/** A- A A+, contrast and theme take effect at once; without script the same buttons post to the server. */
export function display(): void {
  document.addEventListener("submit", (event) => {
    const form = event.target as HTMLFormElement;
    const button = event.submitter as HTMLButtonElement | null;
    if (!form.matches("[data-display]") || !button) return;
    event.preventDefault();
    switch (button.name) {
      case "size":
        setSize(button.value);
        break;
      case "contrast":
        set("contrast", strong() ? "normal" : "more");
        break;
      case "theme":
        set("theme", dark() ? "light" : "dark");
        break;
    }
    show();
  });
  for (const query of ["(prefers-color-scheme: dark)", "(prefers-contrast: more)"]) matchMedia(query).addEventListener("change", show);
  show();
}

const dark = () => (root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches);
const strong = () => (root.dataset.contrast ? root.dataset.contrast === "more" : matchMedia("(prefers-contrast: more)").matches);

function setSize(step: string): void {
  const now = sizes.indexOf(root.dataset.size ?? "m");
  const next = step === "0" ? 1 : Math.min(sizes.length - 1, Math.max(0, now + (step === "+" ? 1 : -1)));
  set("size", sizes[next]);
}

function set(name: string, value: string): void {
  root.dataset[name] = value;
  setCookie(name, value);
}

function show(): void {
  const size = root.dataset.size ?? "m";
  for (const button of all<HTMLButtonElement>("[data-display] button")) {
    if (button.name === "theme") button.setAttribute("aria-pressed", String(dark()));
    if (button.name === "contrast") button.setAttribute("aria-pressed", String(strong()));
    if (button.name === "size") button.setAttribute("aria-disabled", String((button.value === "-" && size === "s") || (button.value === "+" && size === "xl")));
  }
}
