// Brings what has changed since the page was made: each part of it that differs takes the place of the
// old one, unless somebody is writing in it. Says times in the reader's own zone too, and sends no form
// twice. Without this script the pages are the same, and stand still.
"use strict";
(() => {
  const zoned = (of) => {
    for (const t of of.querySelectorAll("time[datetime]")) t.title = new Date(t.dateTime).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "long" });
  };
  zoned(document);
  document.addEventListener("submit", (e) => {
    if (e.target.dataset.sent) e.preventDefault();
    else e.target.dataset.sent = "1";
  });
  addEventListener("pageshow", (e) => {
    if (e.persisted) location.reload(); // kept from before a sign-out, as it may be
    for (const form of document.forms) delete form.dataset.sent;
  });
  if (!("live" in document.body.dataset)) return;
  const news = document.getElementById("news");
  const busy = (part) =>
    part.contains(document.activeElement) && document.activeElement !== document.body ||
    [...part.querySelectorAll("input:not([type=hidden]), textarea")].some((i) => i.value !== i.defaultValue || i.checked !== i.defaultChecked);
  let wait = 2000;

  async function look() {
    if (document.hidden) return;
    let answer;
    try {
      answer = await fetch(location.href, { credentials: "same-origin", redirect: "manual" });
    } catch {
      wait = Math.min(wait * 2, 30000); // the host is away, and comes back
      return;
    }
    if (answer.type === "opaqueredirect") { location.reload(); return; } // a request has become a departure
    if (answer.status === 401 || answer.status === 403) {
      news.className = "frozen";
      news.textContent = "You are signed out. Load the page again to sign in.";
      wait = 0;
      return;
    }
    if (!answer.ok) { wait = Math.min(wait * 2, 30000); return; }
    wait = 2000;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (fresh.body.dataset.page !== document.body.dataset.page) { location.reload(); return; }
    for (const part of document.querySelectorAll("[data-part]")) {
      const next = fresh.querySelector(`[data-part="${part.dataset.part}"]`);
      if (!next || busy(part)) continue;
      const open = [...part.querySelectorAll("details[id]")].filter((d) => d.open).map((d) => d.id);
      const shut = [...part.querySelectorAll("details[id]")].filter((d) => !d.open).map((d) => d.id);
      for (const d of next.querySelectorAll("details[id]")) {
        if (open.includes(d.id)) d.open = true;
        if (shut.includes(d.id)) d.open = false;
      }
      zoned(next);
      if (part.innerHTML === next.innerHTML) continue;
      if (next.dataset.seen && next.dataset.seen !== part.dataset.seen) news.textContent = next.dataset.seen;
      part.replaceWith(next);
    }
    const now = document.querySelector(".foot time"), then = fresh.querySelector(".foot time");
    if (now && then) now.replaceWith(then);
  }

  async function go() {
    await look();
    if (wait) setTimeout(go, wait);
  }
  setTimeout(go, wait);
  document.addEventListener("visibilitychange", () => { if (!document.hidden && wait) look(); });
})();
