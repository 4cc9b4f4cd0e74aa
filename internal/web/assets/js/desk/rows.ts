import { all, make } from "../common/dom";
import { toast } from "../common/toast";
import { t } from "../common/words";
import { pictures, upload } from "./upload";

/**
 * Lists whose items can be added, moved and removed: pictures and authors. The list carries data-rows and holds a
 * <template>; the buttons inside carry data-row, and without script they submit the form with the same meaning.
 */
export function rows(list: HTMLElement): void {
  const template = list.querySelector("template");
  const items = () => [...list.children].filter((child): child is HTMLElement => child instanceof HTMLElement && child !== template);
  const changed = () => list.dispatchEvent(new Event("input", { bubbles: true }));

  const add = (): HTMLElement => {
    const item = (template!.content.cloneNode(true) as DocumentFragment).firstElementChild as HTMLElement;
    const n = `${Date.now().toString(36)}${items().length}`;
    for (const field of all("[id]", item)) field.id += n;
    for (const label of all<HTMLLabelElement>("label[for]", item)) label.htmlFor += n;
    list.insertBefore(item, template);
    return item;
  };

  const press = (button: HTMLElement) => {
    const item = items().find((candidate) => candidate.contains(button));
    const at = item ? items().indexOf(item) : -1;
    switch (button.dataset.row) {
      case "add":
        add().querySelector<HTMLElement>("input:not([type=hidden]), textarea, select")?.focus();
        break;
      case "up":
        if (at > 0) items()[at - 1].before(item!);
        break;
      case "down":
        if (at >= 0 && at < items().length - 1) items()[at + 1].after(item!);
        break;
      case "remove": {
        const next = items()[at + 1] ?? null;
        item!.remove();
        (next ?? list).querySelector<HTMLElement>("input, textarea, button")?.focus();
        toast({
          text: t("removed"),
          action: {
            label: t("undo"),
            run: () => {
              list.insertBefore(item!, next ?? template);
              changed();
            },
          },
        });
      }
    }
    if (button.dataset.row === "up" || button.dataset.row === "down") button.focus();
    changed();
  };

  document.addEventListener("click", (event) => {
    const button = (event.target as HTMLElement).closest<HTMLElement>("[data-row]");
    if (!button || !(list.contains(button) || button.dataset.rowsFor === list.id)) return;
    event.preventDefault();
    press(button);
  });

  const drop = document.querySelector<HTMLElement>(`[data-upload="${CSS.escape(list.id)}"]`);
  if (drop) dropZone(drop, list.dataset.media!, add, changed);
}

function dropZone(drop: HTMLElement, url: string, add: () => HTMLElement, changed: () => void): void {
  const input = drop.querySelector<HTMLInputElement>("input[type=file]");
  let queue = Promise.resolve();
  const take = (files: File[]) => {
    for (const file of files) queue = queue.then(() => send(file));
  };

  async function send(file: File): Promise<void> {
    const words = make("span", {}, t("upload.running", { name: file.name, percent: 0 }));
    const bar = make("progress", { class: "progress", max: "100", value: "0", "aria-label": file.name });
    const line = make("div", { class: "upload-line" }, words, bar);
    drop.append(line);
    try {
      const picture = await upload(url, file, (percent) => {
        bar.value = percent;
        words.textContent = percent < 100 ? t("upload.running", { name: file.name, percent }) : t("upload.working", { name: file.name });
      });
      const item = add();
      const image = item.querySelector("img");
      if (image) {
        image.src = picture.url;
        image.width = picture.width;
        image.height = picture.height;
      }
      const sha = item.querySelector<HTMLInputElement>("[data-sha]");
      if (sha) sha.value = picture.sha;
      item.querySelector<HTMLElement>("textarea, input:not([type=hidden])")?.focus();
      changed();
    } catch (error) {
      toast({ text: `${file.name}: ${(error as Error).message}`, bad: true });
    } finally {
      line.remove();
    }
  }

  input?.addEventListener("change", () => {
    take(pictures(input.files));
    input.value = "";
  });
  for (const name of ["dragenter", "dragover"]) {
    drop.addEventListener(name, (event) => {
      event.preventDefault();
      drop.dataset.over = "";
    });
  }
  for (const name of ["dragleave", "drop"]) drop.addEventListener(name, () => delete drop.dataset.over);
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    take(pictures(event.dataTransfer?.files));
  });
}
