/* The form of a link by which visitors upload, with how far it is: one file after the other, so that what arrived is not
   sent again. Without this, the browser sends them all at once. */

const form = document.querySelector("form[enctype='multipart/form-data']");
const files = form.elements.file;
const line = form.querySelector(".giving");
const texts = line.dataset;
const bar = line.querySelector("progress");
const state = line.querySelector("[role=status]");
const cancel = line.querySelector("button");
const percent = new Intl.NumberFormat(document.documentElement.lang, { style: "percent" });
let request = null; // while something is sent

function say(text, bad = false) {
  line.hidden = false;
  state.textContent = text;
  state.className = bad ? "small why" : "small";
}

function busy(yes) {
  bar.hidden = cancel.hidden = !yes;
}

/* Where the page leads after it; an error says why not. */
function send(file, progress) {
  const data = new FormData(form);
  data.delete("file");
  data.append("file", file);
  return new Promise((resolve, reject) => {
    request = new XMLHttpRequest();
    request.upload.onprogress = ({ loaded, total }) => progress(loaded / total);
    request.onload = () => {
      const { response, responseURL, status } = request;
      if (status < 400) resolve(responseURL);
      else reject(new Error(response?.querySelector("[role=alert]")?.textContent || texts.lost));
    };
    request.onerror = () => reject(new Error(texts.lost));
    request.onabort = () => reject(new Error(texts.cancelled));
    request.responseType = "document";
    request.open("POST", form.action);
    request.setRequestHeader("Accept", "text/html");
    request.send(data);
  });
}

function choose(chosen) {
  const list = new DataTransfer();
  for (const file of chosen) list.items.add(file);
  files.files = list.files;
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (request) return;
  const all = [...files.files];
  const size = all.reduce((sum, file) => sum + file.size, 0) || 1;
  let sent = 0;
  let place = location.href;
  busy(true);
  for (const [count, file] of all.entries()) {
    say(percent.format(sent / size));
    try {
      place = await send(file, (part) => {
        bar.value = (sent + part * file.size) / size;
        cancel.hidden = part === 1; // it may be there already
        say(part < 1 ? percent.format(bar.value) : texts.storing);
      });
    } catch (error) {
      request = null;
      busy(false);
      choose(all.slice(count)); // for another try
      const done = count ? ` (${texts.sum.replace("{done}", count).replace("{all}", all.length)})` : "";
      say(`${file.name}: ${error.message}${done}`, error.message !== texts.cancelled);
      return;
    }
    sent += file.size;
  }
  request = null;
  location.assign(place);
});

cancel.onclick = () => request?.abort();
addEventListener("beforeunload", (event) => {
  if (request) event.preventDefault();
});

document.addEventListener("dropped", ({ detail }) => {
  if (request) return;
  form.closest("details")?.setAttribute("open", "");
  if (detail.some(({ entry }) => entry?.isDirectory)) {
    busy(false);
    say(texts.folders, true);
    return;
  }
  choose(detail.map(({ file }) => file));
  form.requestSubmit();
});
