"use strict";
// Has read what one types, and shows what it comes to. Without scripts a button does the same.
// One request at a time, and the newest wins. What one types stays as it is, with its place, and so
// does what could not be read; the other parts are those of the page that answers.
const PAUSE = 400; // milliseconds without a key, and at least twice what the last answer took
const PATIENCE = 10000; // milliseconds
const main = document.getElementById("main");
const unread = new Set(); // ids of forms that hold what could not be read
let waiting = null; // the form that was typed in last, and not sent since
let timer = 0;
let busy = false;
let took = 0; // milliseconds
let last = ""; // what was read last
let typed = false; // whether the page shows what nobody else keeps
let leaving = false;

const brought = (form) => `${form.id} ${new URLSearchParams(new FormData(form))}`;
const fields = (part) => [...part.querySelectorAll("input:not([type=hidden]), select, textarea")];
const within = (part, id) => part.querySelector(`#${CSS.escape(id)}`);

const tell = (form, ...nodes) => {
  const line = form.querySelector(".beside");
  const text = nodes.map((each) => each.textContent ?? each).join(" ");
  if (line.textContent.trim() !== text.trim()) line.replaceChildren(...nodes); // said once
};

const mark = (form, wrong) => {
  const area = form.querySelector("textarea");
  form.querySelector(".beside").classList.toggle("fault", wrong);
  if (wrong) unread.add(form.id);
  else unread.delete(form.id);
  for (const each of form.querySelectorAll(".fault:not(.beside)")) each.remove();
  for (const each of form.querySelectorAll("[aria-invalid]")) each.removeAttribute("aria-invalid");
  if (!area) return;
  if (wrong) area.setAttribute("aria-invalid", "true");
  area.setAttribute("aria-describedby", `${area.id}-hint${wrong ? ` ${form.id}-beside` : ""}`);
};

const changed = (field) => {
  if (field.type === "checkbox") return field.checked !== field.defaultChecked;
  if (!field.options) return field.value !== field.defaultValue;
  const first = [...field.options].findIndex((each) => each.defaultSelected);
  return field.selectedIndex !== Math.max(0, first);
};

// Values that go with a form without being shown.
const bring = (form, fresh) => {
  for (const { name, value } of fresh.querySelectorAll("input[type=hidden]")) {
    form.elements[name].value = value;
  }
};

// A part as the page that answers has it; the place and the caret stay where they are.
const renew = (part, fresh) => {
  const [form, other] = [part.querySelector("form"), fresh.querySelector("form")];
  const typed = form && "typed" in form.dataset;
  const area = typed && form.querySelector("textarea");
  if (area) {
    const [made, start, end] = [within(other, area.id), area.selectionStart, area.selectionEnd];
    bring(form, other);
    if (area.value !== made.value) {
      area.rows = made.rows;
      area.value = made.value;
      area.setSelectionRange(start, end);
    }
    mark(form, false);
    tell(form, ...other.querySelector(".beside").childNodes);
    return;
  }
  const kept = typed ? [] : fields(part).filter(changed);
  for (const each of kept) { // what somebody filled in elsewhere, where it can still stand
    const field = within(fresh, each.id);
    const known = !field?.options || [...field.options].some((one) => one.value === each.value);
    if (field && known) field.value = each.value;
  }
  if (part.isEqualNode(fresh) && !(typed && fields(part).some(changed))) return;
  const here = part.contains(document.activeElement) ? document.activeElement.id : "";
  part.replaceWith(document.adoptNode(fresh));
  if (here) document.getElementById(here)?.focus({ preventScroll: true });
};

const take = (form, page) => {
  mark(form, false);
  typed = true;
  document.getElementById("refused")?.remove();
  main.querySelector(".subject")?.replaceWith(page.querySelector(".subject"));
  for (const fresh of page.querySelectorAll("#main > [data-part]")) {
    const part = document.getElementById(fresh.id);
    const own = part?.querySelector("form[data-typed]");
    if (!part) continue;
    if (!own || (own !== form && !unread.has(own.id))) renew(part, fresh);
    else if (own.querySelector("textarea")) bring(own, fresh); // its text says all of the policy
    if (own === form) tell(form, ...fresh.querySelector(".beside").childNodes);
  }
};

const ask = async () => {
  timer = 0;
  if (busy || !waiting?.isConnected) return;
  const form = waiting;
  const sent = brought(form);
  waiting = null;
  if (sent === last) return;
  busy = true;
  const begun = performance.now();
  try {
    const answer = await fetch(form.getAttribute("action"), {
      method: "POST",
      body: new URLSearchParams(new FormData(form)),
      credentials: "same-origin",
      signal: AbortSignal.timeout(PATIENCE),
    });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const wrong = page.querySelectorAll("#refused p");
    if (brought(form) === sent && (!waiting || waiting === form)) { // else the newest is on its way
      if (answer.redirected || !(answer.ok || wrong.length)) throw new Error("not read");
      if (answer.ok) take(form, page);
      else {
        mark(form, true);
        tell(form, ...wrong);
      }
      last = brought(form);
    }
  } catch {
    last = "";
    if (!leaving) tell(form, form.dataset.lost);
  }
  busy = false;
  took = performance.now() - begun;
  if (!timer) ask();
};

const later = (event, pause) => {
  const form = event.target.form;
  if (!form || !("typed" in form.dataset)) return;
  waiting = form;
  clearTimeout(timer);
  timer = setTimeout(ask, pause && Math.max(pause, 2 * took));
};

window.addEventListener("beforeunload", (event) => {
  if (typed && !leaving) event.preventDefault();
});
for (const { form } of main.querySelectorAll("form[data-typed] [aria-invalid]")) {
  unread.add(form.id);
}
main.addEventListener("input", (event) => later(event, PAUSE));
main.addEventListener("submit", (event) => {
  if (event.target.matches(".more")) return; // a file, which leaves the page where it is
  leaving = true;
  waiting = null;
});
main.addEventListener("change", (event) => later(event, 0));
