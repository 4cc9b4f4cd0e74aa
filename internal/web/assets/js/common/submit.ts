const stayMs = 10_000;

/** A pressed button shows that it was pressed, and a second press of the same form is not sent while the first is under way. */
export function submitOnce(): void {
  const sent = new Set<HTMLFormElement>();
  document.addEventListener("submit", (event) => {
    const form = event.target as HTMLFormElement;
    if (event.defaultPrevented || form.method !== "post" || form.matches("[data-display]")) return;
    if (sent.has(form)) {
      event.preventDefault();
      return;
    }
    const button = event.submitter;
    const release = () => {
      sent.delete(form);
      button?.removeAttribute("aria-busy");
    };
    sent.add(form);
    button?.setAttribute("aria-busy", "true");
    setTimeout(release, stayMs); // the answer was a file: the page stays and the form may be sent again
    addEventListener("pageshow", release, { once: true });
  });
}
