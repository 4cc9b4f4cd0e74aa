import { display } from "./common/display";
import { all } from "./common/dom";
import { menus } from "./common/menus";
import { submitOnce } from "./common/submit";
import { toast } from "./common/toast";
import { t } from "./common/words";

display();
menus();
submitOnce();
copyLinks();
shareButtons();
printLinks();
countView();

function copyLinks(): void {
  for (const button of all<HTMLButtonElement>("[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      const copied = await copy(button.dataset.copy || location.href);
      toast(copied ? { text: t("copied") } : { text: t("copy_failed"), bad: true });
    });
  }
}

/** navigator.clipboard exists on https only; many offices still read over plain http. */
async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const field = document.createElement("textarea");
    field.value = text;
    field.className = "sr";
    document.body.append(field);
    field.select();
    const copied = document.execCommand("copy");
    field.remove();
    return copied;
  }
}

function shareButtons(): void {
  if (!navigator.share) return;
  for (const button of all<HTMLButtonElement>("[data-share]")) {
    button.hidden = false;
    button.addEventListener("click", () => {
      navigator.share({ title: document.title, url: button.dataset.share || location.href }).catch(() => undefined); // closing the sheet is no failure
    });
  }
}

function printLinks(): void {
  for (const link of all("[data-print]")) {
    link.hidden = false;
    link.addEventListener("click", (event) => {
      event.preventDefault();
      print();
    });
  }
}

/** Tells the server once that a person sees the page: only when it is visible, never for a page fetched ahead. */
function countView(): void {
  const seen = document.querySelector<HTMLElement>("[data-view]");
  if (!seen?.dataset.view) return;
  const send = () => {
    if (document.visibilityState !== "visible") return;
    document.removeEventListener("visibilitychange", send);
    navigator.sendBeacon(seen.dataset.view!, new URLSearchParams({ article: seen.dataset.article ?? "" }));
  };
  document.addEventListener("visibilitychange", send);
  send();
}
