/* A link page of another cloud leads here with what it offers behind the "#": it goes into the form. */

const link = document.getElementById("link");
const kept = sessionStorage.getItem("offered"); // before somebody signed in at a provider
sessionStorage.removeItem("offered");
if (!location.hash && kept) history.replaceState(null, "", kept);
if (location.hash.includes("remote=") && !link.value) {
  link.value = location.href;
  document.getElementById("password").focus();
}
