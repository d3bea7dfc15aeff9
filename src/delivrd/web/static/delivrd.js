// What every page does: copying, relative times, errors with a way to try again.
"use strict";

(() => {
  const units = [["d", 86400], ["h", 3600], ["min", 60]];

  function rough(seconds) {
    for (const [unit, size] of units) {
      if (seconds >= size) return `${Math.floor(seconds / size)} ${unit}`;
    }
    return `${Math.floor(seconds)} s`;
  }

  // The server's clock counts, not this machine's: the page says when it was made.
  const made = Date.parse(document.body.dataset.now || "");
  const skew = Number.isNaN(made) ? 0 : made - Date.now();
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || "local time";

  function tick(root = document) {
    for (const time of root.querySelectorAll("time[data-ago]")) {
      const at = Date.parse(time.dateTime);
      const seconds = (Date.now() + skew - at) / 1000;
      // Only what is due lies ahead: with what happened, it is the two clocks that differ.
      if (time.dataset.due === undefined) time.textContent = seconds < 1 ? "now" : `${rough(seconds)} ago`;
      else time.textContent = seconds < -1 ? `in ${rough(-seconds)}` : "due now";
      if (!time.dataset.utc) {
        time.dataset.utc = time.title;
        const local = new Date(at).toLocaleString(undefined, { hour12: false });
        time.title = zone === "UTC" ? time.title : `${local} (${zone})\n${time.dataset.utc}`;
      }
    }
  }

  async function copy(button) {
    const from = button.dataset.copyFrom;
    const text = from ? document.getElementById(from).textContent : button.dataset.copy;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = document.createElement("textarea");
      area.value = text;
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
      button.focus({ preventScroll: true }); // the selection took the focus, and with it went
    }
    button.classList.add("copied");
    say("Copied");
    setTimeout(() => button.classList.remove("copied"), 1500);
  }

  // For screen readers: one polite region, whose text is what just happened.
  function say(text) {
    document.getElementById("said").textContent = text;
  }

  let again = null;
  let before = null; // what had the focus when the toast came
  function toast(text, retry) {
    const box = document.getElementById("toast");
    box.querySelector("span").textContent = text;
    again = retry;
    before = document.activeElement;
    box.querySelector("a").hidden = !signedOut;
    box.querySelector("button").textContent = retry ? "Try again" : "Close";
    box.hidden = false;
  }

  // What somebody has typed outlives the session: nothing is loaded again until it is sent.
  let typed = false;
  let signedOut = false;
  document.addEventListener("input", (event) => {
    if (event.target.form?.method === "post") typed = true;
  });

  function signIn() {
    if (!typed) location.reload();
    else if (!signedOut) {
      signedOut = true;
      toast("Your session has ended. Sign in before you send this.", null);
    }
  }

  // Who has signed in in another tab has a new token, which what was typed is sent with.
  window.addEventListener("focus", async () => {
    if (!signedOut) return;
    const answer = await fetch("/start", { headers: { Accept: "text/html", "HX-Request": "true" } });
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fields = "input[name=csrf]";
    for (const field of document.querySelectorAll(fields)) field.value = page.querySelector(fields).value;
    const sent = "hx-headers:inherited";
    document.body.setAttribute(sent, page.body.getAttribute(sent));
    signedOut = false;
    document.getElementById("toast").hidden = true;
  });

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy], [data-copy-from]");
    if (button) {
      event.preventDefault();
      copy(button);
    }
    if (event.target.closest("[data-retry]")) {
      document.getElementById("toast").hidden = true;
      before?.focus({ preventScroll: true });
      again?.();
    }
    const reload = event.target.closest("[data-reload]");
    if (reload) location.reload();
  });

  // A filter that is empty does not belong in the address.
  document.addEventListener("htmx:config:request", (event) => {
    const { request } = event.detail.ctx;
    if (request.method !== "GET" || !event.target.closest("form")) return;
    for (const [name, value] of [...(request.body?.entries?.() ?? [])]) {
      if (value === "") request.body.delete(name);
    }
  });
  // What takes a while says so on its button until the next page comes.
  document.addEventListener("submit", (event) => {
    if (event.submitter?.dataset.busy !== undefined) event.submitter.setAttribute("aria-busy", "true");
  });
  window.addEventListener("pageshow", () => {
    for (const button of document.querySelectorAll("[aria-busy]")) button.removeAttribute("aria-busy");
  });
  // Of a field with autocomplete="off", a browser does not bring back what was typed either, to who comes
  // back to the page. A field that it must only not suggest numbers for has that while the page is shown.
  const unsuggested = () => document.querySelectorAll("[data-unsuggested]");
  window.addEventListener("pageshow", () => {
    for (const field of unsuggested()) field.autocomplete = "off";
    // No event of typing tells of what the browser brought back. By a timer, as htmx begins by one.
    setTimeout(() => {
      for (const field of document.querySelectorAll("textarea[hx-post]")) {
        if (field.value !== field.defaultValue) htmx.trigger(field, "restored");
      }
    });
  });
  window.addEventListener("pagehide", () => {
    for (const field of unsuggested()) field.removeAttribute("autocomplete");
  });
  document.addEventListener("submit", (event) => {
    if (event.target.method !== "get") return;
    for (const field of event.target.elements) {
      if (field.name && field.value === "") field.disabled = true;
    }
    setTimeout(() => {
      for (const field of event.target.elements) field.disabled = false;
    });
  });

  document.addEventListener("htmx:error", (event) => {
    const { sourceElement: source, sourceEvent } = event.detail.ctx ?? {};
    if (source?.dataset.quiet !== undefined) return;
    toast("The hub is not responding.", () => source && htmx.trigger(source, sourceEvent?.type ?? "click"));
  });
  document.addEventListener("htmx:response:error", (event) => {
    const { response, sourceElement, text } = event.detail.ctx;
    if (response?.status === 401) signIn();
    else if (sourceElement?.dataset.quiet === undefined && response) {
      const retry = response.status >= 500 ? () => location.reload() : null;
      toast((!retry && detail(text)) || `The hub answered with an error (${response.status}).`, retry);
    }
  });

  // Why a call was refused, in the hub's words; nothing for what a proxy answers.
  function detail(text) {
    try {
      return JSON.parse(text).detail;
    } catch {
      return "";
    }
  }
  document.addEventListener("htmx:after:swap", (event) => {
    tick();
    const told = event.detail.ctx.target?.querySelector?.("[data-say]");
    if (told) say(told.textContent.trim());
  });

  // In a narrow window the pages' names stand in a strip: the present one is to be seen.
  const here = document.querySelector(".nav [aria-current]");
  const strip = here?.closest(".side");
  if (strip && strip.scrollWidth > strip.clientWidth) {
    strip.scrollLeft = here.offsetLeft - (strip.clientWidth - here.offsetWidth) / 2;
  }

  setInterval(tick, 5000);
  document.addEventListener("visibilitychange", () => document.hidden || tick());
  tick();
  window.delivrd = { say, toast, tick, rough, busy: false };
})();
