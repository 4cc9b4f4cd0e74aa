import { all, isTyping } from "../common/dom";
import { toast } from "../common/toast";
import { t } from "../common/words";

interface Change {
  topics: string[];
  toast?: string;
  bad?: boolean;
}

const gatherMs = 300;

/**
 * Keeps what is on the screen current. A browser allows six connections to a server over HTTP/1.1, so one tab, whoever
 * holds the lock, reads the event stream for all and passes on what it hears; when it closes, another takes over.
 */
export function live(url: string): void {
  const channel = new BroadcastChannel("toasoan-live");
  channel.onmessage = (event) => hear(event.data as Change);
  const tell = (change: Change) => {
    channel.postMessage(change);
    hear(change);
  };
  if (navigator.locks) void navigator.locks.request("toasoan-live", () => new Promise<never>(() => listen(url, tell)));
  else listen(url, hear);
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") schedule();
  });
}

function listen(url: string, tell: (change: Change) => void): void {
  let waitMs = 2_000;
  let lost = false;
  const connect = () => {
    const source = new EventSource(url);
    source.addEventListener("changed", (event) => tell(JSON.parse(event.data) as Change));
    source.onopen = () => {
      waitMs = 2_000;
      if (lost) tell({ topics: ["*"] }); // whatever happened meanwhile was not heard
      lost = false;
    };
    source.onerror = () => {
      lost = true;
      if (source.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
      setTimeout(connect, waitMs);
      waitMs = Math.min(waitMs * 2, 60_000);
    };
  };
  connect();
}

const waiting = new Set<string>();
let timer = 0;

function hear(change: Change): void {
  for (const topic of change.topics) waiting.add(topic);
  if (change.toast && document.visibilityState === "visible") toast({ text: change.toast, bad: change.bad });
  schedule();
}

function schedule(): void {
  if (document.visibilityState !== "visible" || waiting.size === 0) return;
  clearTimeout(timer);
  timer = window.setTimeout(refresh, gatherMs);
}

async function refresh(): Promise<void> {
  const topics = new Set(waiting);
  waiting.clear();
  const concerned = all("[data-live][id]").filter((e) => topics.has("*") || e.dataset.live!.split(" ").some((topic) => topics.has(topic)));
  await renew(concerned);
}

/** Asks again, as many seconds apart as they say, for parts of which nobody announces a change; until they say no more. */
export function poll(): void {
  const due = all("[data-live-every][id]");
  if (due.length === 0) return;
  const again = async () => {
    if (document.visibilityState === "visible") await renew(due);
    poll();
  };
  setTimeout(() => void again(), Math.min(...due.map((e) => Number(e.dataset.liveEvery))) * 1_000);
}

async function renew(concerned: HTMLElement[]): Promise<void> {
  const bySource = new Map<string, HTMLElement[]>();
  for (const element of concerned) {
    const source = element.dataset.liveSrc ?? location.href;
    bySource.set(source, [...(bySource.get(source) ?? []), element]);
  }
  for (const [source, elements] of bySource) {
    try {
      const answer = await fetch(source, { headers: { "X-Live": "1", Accept: "text/html" } });
      if (!answer.ok) continue;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const old of elements) {
        const fresh = page.getElementById(old.id);
        if (fresh) replace(old, document.importNode(fresh, true));
      }
    } catch {
      toast({ text: t("live_failed"), bad: true });
    }
  }
}

/** Puts the new element in place of the old without moving what the person looks at or holds. */
function replace(old: HTMLElement, fresh: HTMLElement): void {
  if (!old.isConnected || old.outerHTML === fresh.outerHTML) return;
  const held = document.activeElement;
  if (old.contains(held) && isTyping(held)) return;
  if (old.querySelector("dialog[open]")) return;
  const known = new Set(all("[id]", old).map((e) => e.id));
  const scrolled = [old, ...all("[id]", old)].map((e) => [e.id, e.scrollTop, e.scrollLeft] as const);
  const opened = all("details[open][id]", old).map((e) => e.id);
  const focused = old.contains(held) ? (held!.id ? `#${CSS.escape(held!.id)}` : held!.getAttribute("href") && `[href="${CSS.escape(held!.getAttribute("href")!)}"]`) : null;
  old.replaceWith(fresh);
  for (const card of all(".card[id]", fresh)) card.classList.toggle("card-fresh", !known.has(card.id));
  for (const [id, top, left] of scrolled) document.getElementById(id)?.scrollTo(left, top);
  for (const id of opened) document.getElementById(id)?.setAttribute("open", "");
  if (focused) fresh.querySelector<HTMLElement>(focused)?.focus({ preventScroll: true });
}
