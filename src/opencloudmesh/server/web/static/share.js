/* The page to share: as one types it suggests whom one may mean, and says who their server is. Its texts are in
   share.html and in the answers; all of them are put in as text. */

const PAUSE = 400; // milliseconds without a key, after which somebody is asked for

const field = document.getElementById("address");
const known = document.getElementById("contacts");
const panel = document.getElementById("peer");
let asking = new AbortController();
let clock;

/* What the button does without a script, this does by itself. */
document.getElementById("look").remove();

function element(name, text, kind = "") {
  const made = document.createElement(name);
  const isolated = document.createElement("bdi");
  isolated.textContent = text;
  made.className = kind;
  made.append(isolated);
  return made;
}

function show(title, lines, first = null) {
  panel.replaceChildren();
  if (title) panel.append(element("h3", title));
  const list = document.createElement("ul");
  list.append(...lines.map((line) => element("li", line.text, line.kind)));
  if (lines.length) panel.append(list);
  if (first) {
    const link = document.createElement("a");
    link.href = first.href;
    link.textContent = first.text;
    const paragraph = document.createElement("p");
    paragraph.append(link);
    panel.append(paragraph);
  }
}

function suggest(found) {
  known.replaceChildren(...found.map(({ value, label }) => {
    const option = document.createElement("option");
    option.value = value;
    option.textContent = label;
    return option;
  }));
}

async function ask(text) {
  asking.abort();
  asking = new AbortController();
  const { signal } = asking;
  try {
    const whole = /@.*[.:\]]./.test(text); // before that there is no server that could be asked
    if (whole) show("", [{ text: panel.dataset.looking, kind: "" }]);
    const query = new URLSearchParams({ address: text, ...(whole ? {} : { only: "names" }) });
    const answer = await fetch(`/peers?${query}`, { signal, redirect: "error" });
    const said = await answer.json();
    if (signal.aborted) return;
    suggest(said.suggestions);
    show(said.panel?.title ?? "", said.panel?.lines ?? [], said.panel?.first);
  } catch {
    if (!signal.aborted) show("", [{ text: panel.dataset.lost, kind: "warn" }]);
  }
}

field.addEventListener("input", () => {
  clearTimeout(clock);
  document.getElementById("matching")?.remove();
  asking.abort();
  show("", []);
  const text = field.value.trim();
  if (text) clock = setTimeout(() => ask(text), PAUSE);
});
