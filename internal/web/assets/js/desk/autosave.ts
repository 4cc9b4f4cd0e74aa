import { icon, make } from "../common/dom";
import { toast } from "../common/toast";
import { t } from "../common/words";

type State = "unsaved" | "saving" | "saved" | "failed" | "conflict" | "signed_out";

const quietMs = 2_000;
const stayMs = 10_000;
const retryMs = [5_000, 15_000, 60_000];

/** Saves a form while somebody writes, tells the truth about it, and lets no unsaved word be lost on leaving. */
export function autosave(form: HTMLFormElement): void {
  const url = form.dataset.autosave!;
  const status = form.querySelector<HTMLElement>("[data-save-state]");
  const key = `unsaved:${location.pathname}`;
  let saved = written(form);
  let timer = 0;
  let failures = 0;
  let running = false;
  let stopped = false;
  let leaving = false;

  const dirty = () => written(form) !== saved;

  function show(state: State, text: string): void {
    if (!status) return;
    status.dataset.state = state;
    const symbol = state === "saved" ? "check" : state === "saving" || state === "unsaved" ? "edit" : "alert";
    status.replaceChildren(icon(symbol), make("span", {}, text));
  }

  function later(ms: number): void {
    clearTimeout(timer);
    timer = window.setTimeout(save, ms);
  }

  async function save(): Promise<void> {
    clearTimeout(timer);
    if (stopped || !dirty()) return;
    if (running) return later(quietMs);
    running = true;
    const body = written(form);
    show("saving", t("saving"));
    try {
      const answer = await fetch(url, {
        method: "PUT",
        body,
        headers: { "Content-Type": "application/x-www-form-urlencoded", "If-Match": form.dataset.etag ?? "*", Accept: "application/json" },
        keepalive: body.length < 60_000, // a browser carries at most 64 KB past the end of a page
      });
      await settle(answer, body);
    } catch {
      fail(t("save_failed_offline"));
    } finally {
      running = false;
    }
  }

  async function settle(answer: Response, body: string): Promise<void> {
    if (answer.ok) {
      const told = (await answer.json()) as { etag: string; saved_at: string };
      form.dataset.etag = told.etag;
      const field = form.elements.namedItem("etag");
      if (field instanceof HTMLInputElement) field.value = told.etag;
      saved = body;
      failures = 0;
      localStorage.removeItem(key);
      if (dirty()) {
        show("unsaved", t("unsaved"));
        return later(quietMs);
      }
      return show("saved", t("saved_at", { time: told.saved_at }));
    }
    if (answer.status === 409 || answer.status === 412) {
      stopped = true;
      keep();
      return show("conflict", await reason(answer, t("save_conflict")));
    }
    if (answer.status === 401) {
      keep();
      later(retryMs[1]);
      return show("signed_out", t("save_signed_out"));
    }
    if (answer.status === 422) {
      keep();
      return show("failed", await reason(answer, t("save_failed")));
    }
    fail(await reason(answer, t("save_failed")));
  }

  function fail(text: string): void {
    keep();
    show("failed", text);
    later(retryMs[Math.min(failures++, retryMs.length - 1)]);
  }

  /** What the server does not have stays on this machine until it has. */
  function keep(): void {
    try {
      localStorage.setItem(key, JSON.stringify({ at: new Date().toISOString(), body: written(form) }));
    } catch {
      // a full or forbidden storage: the text is still in the page and the guard below still asks
    }
  }

  form.addEventListener("input", () => {
    if (stopped) return keep();
    if (!running && dirty()) show("unsaved", t("unsaved"));
    later(quietMs);
  });
  form.addEventListener("submit", () => {
    leaving = true;
    clearTimeout(timer);
    localStorage.removeItem(key);
  });
  const stayed = () => (leaving = false);
  addEventListener("pageshow", stayed);
  form.addEventListener("submit", () => setTimeout(stayed, stayMs)); // the answer was a file, or none came
  addEventListener("online", () => void save());
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "hidden" && !leaving) void save();
  });
  addEventListener("beforeunload", (event) => {
    if (leaving || !dirty()) return;
    keep();
    event.preventDefault();
  });
  // Enter in a one-line field would press the form's first button, whatever that moves or removes.
  form.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.target instanceof HTMLInputElement) || event.target.type === "submit") return;
    event.preventDefault();
    void save();
  });

  offerKept(form, key);
}

/** The form as it is sent, without files, without what is only for the page and without the version mark. */
function written(form: HTMLFormElement): string {
  const sent = new URLSearchParams();
  for (const [name, value] of new FormData(form)) {
    if (typeof value === "string" && !name.startsWith("_") && name !== "etag") sent.append(name, value);
  }
  return sent.toString();
}

async function reason(answer: Response, otherwise: string): Promise<string> {
  try {
    const problem = (await answer.json()) as { detail?: string };
    return problem.detail || otherwise;
  } catch {
    return otherwise;
  }
}

/** After a crash or a lost line: offers what was typed then, changes nothing unasked. */
function offerKept(form: HTMLFormElement, key: string): void {
  const raw = localStorage.getItem(key);
  if (!raw) return;
  const kept = JSON.parse(raw) as { at: string; body: string };
  if (kept.body === written(form)) {
    localStorage.removeItem(key);
    return;
  }
  const at = new Date(kept.at).toLocaleString("vi-VN", { timeZone: "Asia/Ho_Chi_Minh", dateStyle: "short", timeStyle: "short" });
  toast({
    text: t("kept_offer", { time: at }),
    bad: true,
    action: {
      label: t("kept_restore"),
      run: () => {
        for (const [name, value] of new URLSearchParams(kept.body)) {
          const field = form.elements.namedItem(name);
          if (!(field instanceof HTMLInputElement || field instanceof HTMLTextAreaElement || field instanceof HTMLSelectElement)) continue;
          if (field.type === "checkbox" || field.type === "radio" || field.type === "hidden") continue;
          field.value = value;
          field.dispatchEvent(new CustomEvent("restore", { bubbles: false }));
        }
        form.dispatchEvent(new Event("input", { bubbles: true }));
      },
    },
  });
}
