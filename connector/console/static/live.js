"use strict";
// Shows a page anew when what it shows has changed. Without scripts the reader loads it again.
const main = document.querySelector("main[data-live]");
const told = document.querySelector("[data-told]"); // is read out to who does not see the page
if (main && window.EventSource) {
  const source = new EventSource(main.dataset.live);
  const renew = async () => {
    const answer = await fetch(location.href, {
      credentials: "same-origin",
      headers: { "preau-renewed": "1" },
    });
    if (answer.redirected) source.close(); // nobody is logged in any more
    if (answer.redirected || !answer.ok) return; // what failed is tried again at the next change
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById("main");
    const held = main.contains(document.activeElement) && document.activeElement !== main;
    if (!fresh || held) return; // nobody loses what they type, or their place
    main.replaceChildren(...fresh.childNodes);
    told.textContent = `${told.dataset.told} ${new Date().toLocaleTimeString(document.documentElement.lang)}`;
    if (!fresh.dataset.live) source.close();
  };
  source.addEventListener("changed", () => renew().catch(() => {}));
}
