// What a page is looked at for, beyond axe-core; returns its faults, as lines of text.
// Sources: WCAG 2.2, 1.3.1, 1.4.3, 1.4.10, 1.4.11, 1.4.12, 2.4.3, 2.4.7, 2.5.8; RGAA 4.1.2, themes 5, 10 and 11.
() => {
  const faults = [];
  const named = (each) => each.outerHTML.slice(0, 160);
  const seen = (each) => each.getClientRects().length > 0;
  const all = (selector) => [...document.querySelectorAll(selector)].filter(seen);
  const parsed = (colour) => (colour.match(/[\d.]+/g) || []).map(Number);
  const light = ([red, green, blue]) => {
    const part = (value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4);
    return 0.2126 * part(red) + 0.7152 * part(green) + 0.0722 * part(blue);
  };
  const ground = (each) => {
    for (let at = each; at; at = at.parentElement) {
      const found = parsed(getComputedStyle(at).backgroundColor);
      if (found.length === 3 || found[3] === 1) return found;
    }
    return [255, 255, 255];
  };
  const contrast = (one, other) => {
    const [low, high] = [light(one), light(other)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };
  // Stricter than 1.4.3: large text is no exception; axe-core takes a hundred times as long.
  for (const each of all("body *")) {
    const own = [...each.childNodes].some((part) => part.nodeType === 3 && part.data.trim());
    if (!own || each.closest(".unseen") || each.tagName === "OPTION") continue;
    const style = getComputedStyle(each);
    const colour = parsed(each.ownerSVGElement ? style.fill : style.color);
    if (contrast(colour, ground(each)) < 4.5) faults.push(`faint text: ${named(each)}`);
  }
  for (const table of all("table")) {
    if (!table.caption || !table.caption.textContent.trim()) faults.push(`no caption: ${named(table)}`);
    if ([...table.querySelectorAll("th")].some((each) => !each.scope)) faults.push(`no scope: ${named(table)}`);
  }
  for (const field of all("input, select, textarea, button")) {
    const style = getComputedStyle(field);
    const own = parsed(style.borderTopColor);
    const plain = field.type === "checkbox" || field.type === "radio";
    if (!plain && contrast(own, ground(field.parentElement)) < 3) faults.push(`faint border: ${named(field)}`);
  }
  for (const field of all("[required]")) {
    const label = field.labels && field.labels[0];
    const worded = field.getAttribute("aria-label") || (label && label.querySelector(".needed"));
    if (!worded) faults.push(`required in no words: ${named(field)}`);
  }
  for (const field of all("[aria-invalid]")) {
    const told = (field.getAttribute("aria-describedby") || "").split(" ").pop();
    const fault = document.getElementById(told);
    if (!fault || !fault.textContent.trim()) faults.push(`no fault: ${named(field)}`);
  }
  for (const link of all("#refused a")) {
    const target = document.getElementById(decodeURIComponent(link.hash.slice(1)));
    if (!target || !target.matches("input, select, textarea")) faults.push(`leads nowhere: ${named(link)}`);
  }
  // A circle of 24 px around the middle of a smaller target meets no other, nor another's circle.
  const targets = all("a[href], button, input:not([type=hidden]), select, textarea, summary").map((each) => {
    const [box, part] = [each.getBoundingClientRect(), each.parentElement];
    const worded = [...part.childNodes].some((other) => other.nodeType === 3 && other.data.trim());
    const inline = worded && getComputedStyle(each).display === "inline";
    return { each, box, inline, small: box.width < 24 || box.height < 24, x: box.x + box.width / 2, y: box.y + box.height / 2 };
  });
  for (const one of targets.filter((each) => each.small && !each.inline)) {
    const near = targets.some(({ each, box, small, x, y }) => each !== one.each && (
      Math.hypot(Math.max(box.left - one.x, 0, one.x - box.right), Math.max(box.top - one.y, 0, one.y - box.bottom)) < 12
      || (small && Math.hypot(x - one.x, y - one.y) < 24)));
    if (near) faults.push(`small target: ${named(one.each)}`);
  }
  const before = document.activeElement;
  const stops = all("a[href], button, input:not([type=hidden]), select, textarea, [tabindex]");
  for (const stop of stops) {
    stop.focus();
    const style = getComputedStyle(stop);
    const inward = parseFloat(style.outlineOffset) < 0 ? stop : stop.parentElement;
    const drawn = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
    if (document.activeElement !== stop) faults.push(`takes no focus: ${named(stop)}`);
    else if (!drawn || contrast(parsed(style.outlineColor), ground(inward)) < 3) faults.push(`focus is not seen: ${named(stop)}`);
  }
  document.activeElement.blur();
  before.focus();
  const wide = document.createElement("div");
  const spaced = new CSSStyleSheet();
  spaced.replaceSync("* { line-height: 1.5 !important; letter-spacing: 0.12em !important; word-spacing: 0.16em !important; } p { margin-bottom: 2em !important; }");
  for (const sheets of [[], [spaced]]) {
    document.adoptedStyleSheets = sheets;
    const how = sheets.length ? "with more space" : "at 320 px";
    if (document.documentElement.scrollWidth > innerWidth) {
      const over = all("main *, header *, nav *").filter((each) => each.getBoundingClientRect().right > innerWidth + 1 && !each.closest(".wide"));
      faults.push(`scrolls sideways ${how}: ${over.slice(0, 3).map(named)}`);
    }
    for (const each of all("body *")) {
      const style = getComputedStyle(each);
      const cut = each.scrollWidth > each.clientWidth + 1 || each.scrollHeight > each.clientHeight + 1;
      if (!cut || each.closest(".unseen, svg, select, input, textarea")) continue;
      const scrolls = [style.overflowX, style.overflowY].some((way) => way === "auto" || way === "scroll");
      if (scrolls ? each.tabIndex !== 0 : [style.overflowX, style.overflowY].some((way) => way === "hidden" || way === "clip"))
        faults.push(`is cut ${how}: ${named(each)}`);
    }
  }
  document.adoptedStyleSheets = [];
  return faults;
}
