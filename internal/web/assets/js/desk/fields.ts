import { all } from "../common/dom";
import { t } from "../common/words";

/** Counts characters beside a field (data-count names the field, data-max its limit), and keeps one-line texts in one line. */
export function fields(): void {
  for (const counter of all("[data-count]")) {
    const field = document.getElementById(counter.dataset.count!) as HTMLInputElement | HTMLTextAreaElement | null;
    if (!field) continue;
    const max = Number(counter.dataset.max);
    const show = () => {
      const length = [...field.value.normalize("NFC")].length;
      counter.textContent = max ? `${length}/${max}` : String(length);
      counter.classList.toggle("count-over", max > 0 && length > max);
      counter.title = max > 0 && length > max ? t("too_long", { n: length - max }) : "";
    };
    field.addEventListener("input", show);
    show();
  }
  for (const field of all<HTMLTextAreaElement>("textarea[data-one-line]")) {
    const grow = () => {
      if (/[\r\n]/.test(field.value)) field.value = field.value.replace(/\s*[\r\n]+\s*/g, " ");
      if (CSS.supports("field-sizing", "content")) return;
      field.rows = 1;
      while (field.scrollHeight > field.clientHeight && field.rows < 6) field.rows++;
    };
    field.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.isComposing) event.preventDefault();
    });
    field.addEventListener("input", grow);
    grow();
  }
}
