/* The form of a link by which visitors upload, with how far it is. Without this, the browser sends it all the same. */

const form = document.querySelector("form[enctype='multipart/form-data']");
const files = form.elements.file;
const line = form.querySelector(".giving");
const texts = line.dataset;
const bar = line.querySelector("progress");
const state = line.querySelector("[role=status]");
const percent = new Intl.NumberFormat(document.documentElement.lang, { style: "percent" });
let request = null;

function say(text, bad = false) {
  line.hidden = false;
  state.textContent = text;
  state.className = bad ? "small why" : "small";
}

/* It is over: the files stay chosen, for another try. */
function end(text, bad) {
  request = null;
  bar.hidden = cancel.hidden = true;
  say(text, bad);
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (request) return;
  request = new XMLHttpRequest();
  const { upload } = request;
  upload.onprogress = ({ loaded, total }) => {
    bar.value = loaded / total;
    say(loaded < total ? percent.format(loaded / total) : texts.storing);
  };
  request.onload = () => {
    const { response, responseURL, status } = request;
    if (status < 400) return location.assign(responseURL);
    return end(response?.querySelector("[role=alert]")?.textContent || texts.lost, true);
  };
  request.onerror = () => end(texts.lost, true);
  request.onabort = () => end(texts.cancelled, false);
  request.responseType = "document";
  request.open("POST", form.action);
  request.send(new FormData(form));
  bar.value = 0;
  bar.hidden = cancel.hidden = false;
  say(percent.format(0));
});

const cancel = line.querySelector("button");
cancel.onclick = () => request?.abort();
addEventListener("beforeunload", (event) => {
  if (request && request.readyState < XMLHttpRequest.DONE) event.preventDefault();
});

document.addEventListener("dropped", (event) => {
  const list = new DataTransfer();
  for (const found of event.detail) if (found.file && !found.entry?.isDirectory) list.items.add(found.file);
  if (!list.files.length || request) return;
  files.files = list.files;
  form.closest("details")?.setAttribute("open", "");
  form.requestSubmit();
});
