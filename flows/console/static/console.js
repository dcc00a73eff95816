// Live checks and preview of bid rules, and news of long work. Everything works without it too,
// only with one more step; texts come from the server, so none is here.
"use strict";

const POLL_MS = 1200;
const TYPING_MS = 300;

function watchWork() {
  if (document.body.dataset.job !== "runs") return;
  const step = document.getElementById("job-step");
  const look = async () => {
    try {
      const answer = await fetch("/state", { headers: { Accept: "application/json" } });
      const state = await answer.json();
      if (!state.runs) {
        window.location.reload();
        return;
      }
      step.textContent = state.step;
    } catch {
      // the console is being restarted: ask again
    }
    window.setTimeout(look, POLL_MS);
  };
  window.setTimeout(look, POLL_MS);
}

function showFaults(form, faults) {
  for (const place of form.querySelectorAll(".fault")) {
    const name = place.id.replace("fault-", "");
    const field = form.elements[name];
    const said = faults[name] || "";
    if (place.textContent !== said) place.textContent = said;
    if (field) {
      if (said) field.setAttribute("aria-invalid", "true");
      else field.removeAttribute("aria-invalid");
    }
  }
}

function showGeneral(lines) {
  const place = document.getElementById("general");
  place.replaceChildren(
    ...lines.map((line) => {
      const paragraph = document.createElement("p");
      paragraph.textContent = line;
      return paragraph;
    }),
  );
  place.hidden = lines.length === 0;
}

function watchRules() {
  const form = document.getElementById("rules");
  if (!form) return;
  const preview = document.getElementById("preview");
  const around = preview.closest(".preview");
  let timer = 0;
  let asking = null;
  const ask = async () => {
    if (asking) asking.abort();
    asking = new AbortController();
    around.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch("/rules/preview", {
        method: "POST",
        body: new URLSearchParams(new FormData(form)),
        signal: asking.signal,
      });
      if (!(answer.headers.get("content-type") || "").includes("json")) return;
      const told = await answer.json();
      showFaults(form, told.faults);
      showGeneral(told.general);
      // made by the server out of escaped values
      if (told.html !== undefined) preview.innerHTML = told.html;
      around.setAttribute("aria-busy", told.html === undefined ? "true" : "false");
    } catch (error) {
      if (error.name !== "AbortError") around.setAttribute("aria-busy", "false");
    }
  };
  form.addEventListener("input", () => {
    window.clearTimeout(timer);
    timer = window.setTimeout(ask, TYPING_MS);
  });
  ask();
}

function sendOnce() {
  for (const form of document.forms) {
    form.addEventListener("submit", () => {
      window.setTimeout(() => {
        for (const button of form.querySelectorAll("button")) button.disabled = true;
      });
    });
  }
  // a page that the browser kept is sendable again
  window.addEventListener("pageshow", () => {
    for (const button of document.querySelectorAll("button[disabled]")) button.disabled = false;
  });
}

function revealCurrent() {
  const current = document.querySelector("nav [aria-current]");
  const strip = current && current.closest("nav");
  if (strip && strip.scrollWidth > strip.clientWidth) {
    strip.scrollLeft = current.offsetLeft - strip.offsetLeft - 24;
  }
}

watchWork();
watchRules();
sendOnce();
revealCurrent();
