// The words come from the page (<script type="application/json" id="strings">), in the reader's language.
const block = document.getElementById("strings")?.textContent;
const words: Record<string, string> = block ? JSON.parse(block) : {};

/** The words for key with {name} filled in; the key itself where the page left it out. */
export function t(key: string, fill: Record<string, string | number> = {}): string {
  return (words[key] ?? key).replace(/\{(\w+)\}/g, (whole, name) => String(fill[name] ?? whole));
}
