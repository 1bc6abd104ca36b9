/* What a script adds to every page. Everything works without it. Its texts are in the page. */

const texts = document.body.dataset;
const announced = document.createElement("p");
announced.className = "unseen";
announced.setAttribute("role", "status");
document.body.append(announced);

/* Over plain http, browsers have no clipboard for scripts: then it is done as people do it. */
async function copy(source) {
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(source.value ?? source.innerText);
    return;
  }
  const selection = getSelection();
  selection.removeAllRanges();
  if (source.select) source.select();
  else selection.selectAllChildren(source);
  document.execCommand("copy");
}

for (const source of document.querySelectorAll("[data-copies]")) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "quiet";
  button.textContent = texts.copy;
  button.setAttribute("aria-label", `${texts.copy}: ${source.dataset.copies}`);
  button.addEventListener("click", async () => {
    await copy(source);
    button.textContent = announced.textContent = texts.copied;
    setTimeout(() => { button.textContent = texts.copy; announced.textContent = ""; }, 2000);
  });
  source.after(button);
}

/* Moments as they are where the reader is; the page does not know, and says them in UTC. */
const { lang } = document.documentElement;
const spoken = navigator.languages.find((one) => one.startsWith(lang)) ?? lang; // as in "en-GB" for "en"
const moment = new Intl.DateTimeFormat(spoken, { dateStyle: "medium", timeStyle: "short" });
const day = new Intl.DateTimeFormat(spoken, { dateStyle: "medium", timeZone: "UTC" }); // the one that was chosen
for (const time of document.querySelectorAll("time")) {
  time.title = time.textContent;
  time.textContent = (time.dateTime.includes("T") ? moment : day).format(new Date(time.dateTime));
}

/* All that a folder shows at once. */
for (const all of document.querySelectorAll("[data-all]")) {
  const boxes = [...document.querySelectorAll(".choose input[name]")];
  const show = () => {
    const chosen = boxes.filter((box) => box.checked).length;
    all.checked = chosen === boxes.length;
    all.indeterminate = chosen > 0 && !all.checked;
  };
  all.hidden = false;
  all.addEventListener("change", () => { for (const box of boxes) box.checked = all.checked; });
  addEventListener("change", show);
  addEventListener("pageshow", show); // the browser may have kept the ticks
}

/* What is dragged over a page that takes files. What becomes of them, the script of the page knows. */
const drop = document.querySelector(".drop");
const takes = (event) => drop && event.dataTransfer?.types.includes("Files");
document.addEventListener("dragover", (event) => {
  if (!takes(event)) return;
  event.preventDefault();
  event.dataTransfer.dropEffect = "copy";
  drop.hidden = false;
});
document.addEventListener("dragleave", (event) => {
  if (drop && !event.relatedTarget) drop.hidden = true;
});
document.addEventListener("drop", (event) => {
  if (!takes(event)) return;
  event.preventDefault();
  drop.hidden = true;
  const items = [...event.dataTransfer.items].filter((item) => item.kind === "file");
  // They are gone after the first wait.
  const detail = items.map((item) => ({ entry: item.webkitGetAsEntry(), file: item.getAsFile() }));
  document.dispatchEvent(new CustomEvent("dropped", { detail }));
});

/* What is behind "#" is for the page after signing in: the link page of another cloud may have led here. The page of an
   OpenID provider would lose it: add.js finds it again. */
for (const form of document.querySelectorAll("form[action^='/login']")) {
  form.setAttribute("action", form.getAttribute("action") + location.hash);
}
for (const link of document.querySelectorAll("a[href^='/login/openid']")) {
  link.addEventListener("click", () => sessionStorage.setItem("offered", location.hash));
}

/* A second click on the same button is not a second wish. */
const pressed = new WeakMap(); // of a form
document.addEventListener("submit", (event) => {
  const { target: form, submitter } = event;
  if (event.defaultPrevented) return;
  if (pressed.get(form) === submitter) event.preventDefault();
  pressed.set(form, submitter);
  setTimeout(() => pressed.delete(form), 2000);
});

/* From one file to the next. */
const KEYS = { ArrowLeft: "prev", ArrowRight: "next" };
addEventListener("keydown", (event) => {
  const way = KEYS[event.key] && document.querySelector(`a[rel="${KEYS[event.key]}"]`);
  if (!way || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
  if (!event.target.closest("input, textarea, select, audio, video, pre")) way.click();
});

/* A page that only leads on. */
for (const form of document.querySelectorAll("form[data-submits]")) form.submit();
