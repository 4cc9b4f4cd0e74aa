import { make } from "../common/dom";

/** Turns the sections of a panel into tabs (WAI-ARIA); without script they stand one under the other. */
export function tabs(panel: HTMLElement): void {
  const sections = [...panel.querySelectorAll<HTMLElement>(":scope > section")];
  if (sections.length < 2) return;
  const list = make("div", { class: "tabs", role: "tablist", "aria-label": panel.getAttribute("aria-label") ?? undefined });
  const buttons = sections.map((section, i) => {
    const heading = section.querySelector("h2")!;
    section.id ||= `panel-${i}`;
    section.setAttribute("role", "tabpanel");
    section.tabIndex = 0;
    const button = make("button", { class: "tab", type: "button", role: "tab", id: `tab-${section.id}`, "aria-controls": section.id });
    button.append(...[...heading.childNodes].map((node) => node.cloneNode(true)));
    section.setAttribute("aria-labelledby", button.id);
    heading.hidden = true;
    button.addEventListener("click", () => choose(i));
    return button;
  });
  list.append(...buttons);
  list.addEventListener("keydown", (event) => {
    const now = buttons.indexOf(document.activeElement as HTMLButtonElement);
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const next = step ? (now + step + buttons.length) % buttons.length : { Home: 0, End: buttons.length - 1 }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    choose(next);
    buttons[next].focus();
  });
  panel.prepend(list);
  panel.dataset.ready = "";

  function choose(chosen: number): void {
    buttons.forEach((button, i) => {
      button.setAttribute("aria-selected", String(i === chosen));
      button.tabIndex = i === chosen ? 0 : -1;
      document.getElementById(button.getAttribute("aria-controls")!)!.hidden = i !== chosen;
    });
  }
  const addressed = sections.findIndex((section) => location.hash === `#${section.id}`);
  choose(Math.max(0, addressed));
}
