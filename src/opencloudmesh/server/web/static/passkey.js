/* Asks the browser for a passkey, and sends the form with what it says. Its texts are in the page. */

const form = document.querySelector("form[data-passkey]");
const said = document.querySelector("#said");

const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer)))
  .replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

/* The options, with bytes where they are written in base64url. */
function asked() {
  const options = JSON.parse(form.dataset.passkey);
  options.challenge = bytes(options.challenge);
  if (options.user) options.user.id = bytes(options.user.id);
  for (const known of [...options.excludeCredentials ?? [], ...options.allowCredentials ?? []]) known.id = bytes(known.id);
  return { publicKey: options };
}

/* What the browser says, in the same writing. */
function told(credential) {
  const response = {};
  for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (credential.response[name]) response[name] = text(credential.response[name]);
  }
  return JSON.stringify({ id: credential.id, rawId: text(credential.rawId), type: credential.type, response });
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  said.textContent = "";
  try {
    const credential = await navigator.credentials[form.dataset.kind](asked());
    form.elements.credential.value = told(credential);
    form.submit();
  } catch {
    said.textContent = form.dataset.failed;
  }
});
