// Shows new mail: the first page of the list reloads itself while nobody reads or types in it, else it offers to.
const list = document.getElementById("list");
if (list) {
  const search = document.getElementById("q");
  const look = async () => {
    if (document.hidden) return;
    let answer;
    try {
      answer = await (await fetch("/api/v1/messages?limit=1")).json();
    } catch {
      return; // the newsroom stops or restarts: the next look tells
    }
    const newest = answer.messages.length > 0 ? answer.messages[0].ID : "";
    if (newest === list.dataset.newest && String(answer.total) === list.dataset.total) return;
    const idle = list.dataset.live === "true" && window.scrollY < 50 && document.activeElement !== search && !list.querySelector("details[open]");
    if (idle) location.reload();
    else list.querySelector(".news").hidden = false;
  };
  setInterval(look, 2000);
  document.addEventListener("visibilitychange", look);
}
