// Counts down on the node's clock, says when the node is silent, and remembers who acknowledges.
"use strict";
const SILENCE_MS = 7000;
let ahead = 0; // of the node's clock, milliseconds
let heard = Date.now();

function hear(now) {
  heard = Date.now();
  if (now) ahead = now - heard;
}

function tick() {
  document.getElementById("cut-off").hidden = Date.now() - heard < SILENCE_MS;
  for (const timer of document.querySelectorAll("[data-deadline]")) {
    const left = Math.max(0, Math.ceil((Number(timer.dataset.deadline) - Date.now() - ahead) / 1000));
    const shown = `${left} s`;
    if (timer.textContent !== shown) timer.textContent = shown;
  }
}

document.addEventListener("DOMContentLoaded", () => {
  const who = document.getElementById("who");
  who.value = sessionStorage.getItem("who") || "";
  who.addEventListener("change", () => sessionStorage.setItem("who", who.value));
  const board = document.querySelector("[data-now]");
  if (board) hear(Number(board.dataset.now));
  setInterval(tick, 200);
  tick();
});

document.addEventListener("htmx:sseMessage", (event) => {
  const board = event.detail.type === "board" ? document.querySelector("[data-now]") : null;
  hear(board ? Number(board.dataset.now) : Number(event.detail.data));
  tick();
});

function said(text) {
  const refused = document.getElementById("refused");
  refused.hidden = !text;
  refused.textContent = text;
}

// Already here: the board may be replaced before the answer comes, and then no event tells of the end of the request.
document.addEventListener("htmx:beforeRequest", () => said(""));

document.addEventListener("htmx:afterRequest", (event) => {
  said(event.detail.successful ? "" : event.detail.xhr.responseText || "It was not acknowledged: no connection.");
});
