/* A link page of another cloud leads here with what it offers behind the "#": it goes into the form. */

const link = document.getElementById("link");
if (location.hash.includes("remote=") && !link.value) {
  link.value = location.href;
  document.getElementById("password").focus();
}
