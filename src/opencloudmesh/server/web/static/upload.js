/* Uploads of files and folders, dragged or chosen: in pieces, so that a lost connection costs no more than one of them.
   A page that is left costs no more either: the same file, chosen again, goes on. The texts are in sending.html. */

const PIECE = 8 * 1024 * 1024; // bytes
const AT_ONCE = 3; // files
const LINES = 100; // waiting files that are shown one by one; the others are only counted
const PATIENCE = 60_000; // milliseconds without progress, after which a connection counts as lost
const RETRY = [1000, 2000, 5000, 10_000, 30_000]; // milliseconds between tries

const panel = document.getElementById("sending");
const texts = panel.dataset;
const line = document.getElementById("sending-line");
const percent = new Intl.NumberFormat(document.documentElement.lang, { style: "percent" });
const part = (root, name) => root.querySelector(`[data-part="${name}"]`);
const button = (root, name) => root.querySelector(`[data-do="${name}"]`);

class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}
class Lost extends Error {}
class Cancelled extends Error {}

/* What an answer says. Whatever does not come from our server (a proxy before it) is as if nothing had come. */
function told(status, body) {
  let said = {};
  try {
    said = JSON.parse(body || "{}");
  } catch {
    throw new Lost();
  }
  if (status >= 200 && status < 300) return said;
  if (said.message) throw new Refused(status, said.message);
  throw new Lost();
}

async function ask(method, path, signal, values) {
  let answer, body;
  try {
    const headers = values ? { "Content-Type": "application/json" } : {};
    const request = { method, headers, signal, body: values && JSON.stringify(values), redirect: "error" };
    answer = await fetch(`/uploads/${path}`, request);
    body = await answer.text();
  } catch {
    throw signal.aborted ? new Cancelled() : new Lost();
  }
  return told(answer.status, body);
}

/* fetch does not tell how much of a body has gone out; this does. */
function put(path, blob, signal, progress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    let clock;
    const wait = () => {
      clearTimeout(clock);
      clock = setTimeout(() => request.abort(), PATIENCE);
    };
    const abort = () => request.abort();
    request.upload.onprogress = (event) => {
      wait();
      progress(event.loaded);
    };
    request.onload = () => {
      try {
        resolve(told(request.status, request.responseText));
      } catch (error) {
        reject(error);
      }
    };
    request.onerror = request.onabort = () => reject(signal.aborted ? new Cancelled() : new Lost());
    request.onloadend = () => {
      clearTimeout(clock);
      signal.removeEventListener("abort", abort);
    };
    signal.addEventListener("abort", abort);
    request.open("PUT", `/uploads/${path}`);
    wait();
    request.send(blob);
  });
}

/* All uploads of this page. */

const items = [];
let running = 0;
let adding = 0; // while more are being found
let forAll = ""; // what is done with files that are there already, once it was said for all
const known = (state) => items.filter((item) => item.state === state).length;

function pump() {
  while (running < AT_ONCE) {
    const item = items.find((other) => other.state === "waiting");
    if (!item) break;
    running += 1;
    item.run().finally(() => {
      running -= 1;
      pump();
    });
  }
  show();
}

function show() {
  panel.hidden = false;
  const size = items.reduce((sum, item) => sum + item.size, 0);
  const sent = items.reduce((sum, item) => sum + (item.open ? item.sent : item.size), 0);
  panel.querySelector("progress").value = size ? sent / size : 0;
  const open = items.filter((item) => item.open).length;
  const sum = texts.sum.replace("{done}", known("sent")).replace("{all}", items.length);
  if (part(panel, "sum").textContent !== sum) part(panel, "sum").textContent = sum;
  const busy = open > known("failed");
  button(panel, "stop").hidden = !open;
  part(panel, "show").hidden = busy;
  if (!open && !adding && known("sent")) location.assign(`${texts.home}?done=uploaded`);
}

class Item {
  constructor(name, file, exists) {
    Object.assign(this, { name, file, exists, size: file ? file.size : 0, sent: 0, id: "", state: "waiting" });
    this.stop = new AbortController();
    this.again = () => {};
    this.answer = () => {};
    if (items.length < LINES) this.draw();
  }

  /* Whether something is still to come of it. */
  get open() {
    return !["sent", "skipped", "cancelled"].includes(this.state);
  }

  draw() {
    if (this.line) return;
    this.line = line.content.cloneNode(true).firstElementChild;
    part(this.line, "name").textContent = this.name;
    this.line.querySelector("progress").setAttribute("aria-label", this.name);
    for (const control of this.line.querySelectorAll("button")) {
      control.setAttribute("aria-label", `${control.textContent}: ${this.name}`);
    }
    button(this.line, "cancel").onclick = () => this.cancel();
    button(this.line, "retry").onclick = () => this.again();
    for (const choice of ["both", "replace", "skip"]) {
      button(this.line, choice).onclick = () => {
        if (this.line.querySelector("input").checked) forAll = choice;
        for (const item of forAll ? items : [this]) item.answer(choice);
      };
    }
    panel.querySelector("ul").append(this.line);
    this.become("waiting", texts.waiting);
  }

  become(state, text) {
    this.state = state;
    if (!this.line) return;
    part(this.line, "state").textContent = text;
    part(this.line, "state").className = state === "failed" || state === "lost" ? "small why" : "small";
    part(this.line, "question").hidden = state !== "asked";
    button(this.line, "retry").hidden = state !== "failed" && state !== "lost";
    button(this.line, "cancel").hidden = !this.open || state === "asked";
    this.line.querySelector("progress").hidden = !this.open || state === "asked";
    if (!this.open && items.length > LINES) this.line.remove();
  }

  progress(sent) {
    this.sent = sent;
    this.line.querySelector("progress").value = this.size ? sent / this.size : 0;
    this.become("sending", percent.format(this.size ? sent / this.size : 0));
    show();
  }

  async run() {
    this.draw();
    this.become("sending", texts.waiting);
    try {
      await (this.file ? this.send() : this.patiently(() => ask("POST", "folders", this.stop.signal, this.values())));
      if (this.open) this.become("sent", texts.sent);
    } catch (error) {
      if (error instanceof Cancelled) this.become("cancelled", texts.cancelled);
      else this.fail(error);
    }
  }

  fail(error) {
    this.again = () => {
      this.become("waiting", texts.waiting);
      pump();
    };
    this.become("failed", error.message);
  }

  values() {
    const modified = this.file ? Math.max(0, Math.floor(this.file.lastModified)) : 0;
    return { folder: texts.folder, name: this.name, size: this.size, modified, exists: forAll || this.exists };
  }

  async send() {
    const { signal } = this.stop;
    const begun = await this.begin();
    if (!begun) {
      this.become("skipped", texts.skipped);
      return;
    }
    this.id = begun.id;
    document.querySelector(`[data-unfinished="${CSS.escape(this.id)}"]`)?.remove(); // it goes on
    let { offset } = begun;
    while (offset < this.size) {
      this.progress(offset);
      offset = await this.patiently(async (lost) => {
        if (lost) offset = (await ask("GET", this.id, signal)).offset;
        if (offset >= this.size) return offset;
        const piece = this.file.slice(offset, offset + PIECE);
        const start = offset;
        return (await put(`${this.id}?from=${start}`, piece, signal, (sent) => this.progress(start + sent))).offset;
      });
    }
    this.progress(this.size);
    this.become("storing", texts.storing);
    await this.patiently(async (lost) => {
      try {
        await ask("POST", `${this.id}/finish`, signal);
      } catch (error) {
        if (!lost || error.status !== 404) throw error; // it was finished, and only the answer was lost
      }
    });
  }

  /* The id and where to go on; nothing where the file is to be left out. */
  async begin() {
    for (;;) {
      if (forAll === "skip") return null;
      try {
        return await this.patiently(() => ask("POST", "files", this.stop.signal, this.values()));
      } catch (error) {
        if (error.status !== 412) throw error;
        const choice = forAll || (await this.choice());
        if (choice === "skip") return null;
        this.exists = choice;
      }
    }
  }

  choice() {
    this.become("asked", texts.exists);
    show();
    return new Promise((resolve, reject) => {
      this.answer = resolve;
      this.stop.signal.addEventListener("abort", () => reject(new Cancelled()));
    });
  }

  /* Does it until the cloud answers. After a piece that met another one (409) it is asked anew where to go on. */
  async patiently(work) {
    for (let tries = 0; ; tries += 1) {
      try {
        return await work(tries > 0);
      } catch (error) {
        if (!(error instanceof Lost) && !(error.status === 409 && this.state === "sending" && tries < 5)) throw error;
        this.become("lost", texts.lost);
        await this.pause(RETRY[Math.min(tries, RETRY.length - 1)]);
        this.become("sending", percent.format(this.size ? this.sent / this.size : 0));
      }
    }
  }

  /* Waits; less where the browser is online again, or somebody presses the button. */
  pause(milliseconds) {
    return new Promise((resolve, reject) => {
      this.again = resolve;
      setTimeout(resolve, milliseconds);
      addEventListener("online", resolve, { once: true });
      this.stop.signal.addEventListener("abort", () => reject(new Cancelled()));
    });
  }

  cancel() {
    if (!this.open) return;
    this.stop.abort();
    if (this.id) fetch(`/uploads/${this.id}/discard`, { method: "POST", redirect: "manual" }).catch(() => {});
    this.become("cancelled", texts.cancelled);
    show();
  }
}

/* Where files come from: dragged, or chosen in the form. */

async function finding(work) {
  adding += 1;
  forAll = "";
  try {
    await work();
  } finally {
    adding -= 1;
    show();
  }
}

function add(name, file, exists = "ask") {
  items.push(new Item(name, file, exists));
  pump();
}

/* A folder is made before anything is put into it. */
async function addFolder(name) {
  const item = new Item(name, null, "ask");
  items.push(item);
  show();
  await item.run();
}

async function walk(entry, path) {
  const name = path + entry.name;
  if (entry.isFile) {
    add(name, await new Promise((resolve, reject) => entry.file(resolve, reject)));
    return;
  }
  await addFolder(name);
  const reader = entry.createReader();
  for (;;) {
    const entries = await new Promise((resolve, reject) => reader.readEntries(resolve, reject)); // some at a time
    if (!entries.length) return;
    for (const child of entries) await walk(child, `${name}/`);
  }
}

async function addChosen(files, exists) {
  const made = new Set();
  for (const file of files) {
    const name = file.webkitRelativePath || file.name;
    const above = name.split("/").slice(0, -1);
    for (const [count] of above.entries()) {
      const folder = above.slice(0, count + 1).join("/");
      if (!made.has(folder)) {
        made.add(folder);
        await addFolder(folder);
      }
    }
    add(name, file, exists);
  }
}

document.addEventListener("dropped", ({ detail }) => {
  finding(async () => {
    for (const { entry, file } of detail) {
      if (entry) await walk(entry, "");
      else add(file.name, file);
    }
  });
});

const files = document.getElementById("files");
const folder = document.getElementById("folder");
folder.parentElement.hidden = false;
files.required = false;
files.form.querySelector("button").parentElement.hidden = true; // what is chosen is sent
files.onchange = folder.onchange = () => files.form.requestSubmit();
files.form.addEventListener("submit", (event) => {
  event.preventDefault();
  const chosen = [...files.files, ...folder.files];
  if (!chosen.length) return;
  const exists = files.form.elements.replace.checked ? "replace" : "ask";
  files.form.closest("details").open = false;
  finding(() => addChosen(chosen, exists));
  files.form.reset();
});

button(panel, "stop").onclick = () => items.forEach((item) => item.cancel());
addEventListener("beforeunload", (event) => {
  if (items.some((item) => item.open && item.state !== "failed")) event.preventDefault();
});
