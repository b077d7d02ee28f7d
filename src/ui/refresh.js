// Replaces the content of the page every few seconds. The window and the tables stay scrolled where they are.
"use strict";

const INTERVAL_MILLISECONDS = 5000;

function replaceContent(html) {
  const next = new DOMParser().parseFromString(html, "text/html").querySelector("main");
  const current = document.querySelector("main");
  if (next === null || current.innerHTML === next.innerHTML) {
    return;
  }
  const [left, top] = [window.scrollX, window.scrollY];
  current.replaceWith(document.adoptNode(next));
  window.scrollTo(left, top);
}

async function refresh() {
  const isReading = !document.getSelection().isCollapsed || document.querySelector("main a:focus") !== null;
  if (!document.hidden && !isReading) {
    const outdated = document.getElementById("outdated");
    try {
      const response = await fetch(window.location.href, { cache: "no-store" });
      if (!response.ok) {
        throw new Error(response.statusText);
      }
      replaceContent(await response.text());
      outdated.hidden = true;
    } catch {
      outdated.hidden = false;
    }
  }
  window.setTimeout(refresh, INTERVAL_MILLISECONDS);
}

window.setTimeout(refresh, INTERVAL_MILLISECONDS);
