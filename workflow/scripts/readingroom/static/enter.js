// Exchanges the secret of a personal link for a cookie, and leaves the link behind.

const token = location.hash.slice(1);
const message = document.getElementById("message");

async function enter() {
  history.replaceState(null, "", "enter");
  if (!token) {
    message.textContent = "This link is not whole: open all of it, with what follows the #.";
    return;
  }
  try {
    const response = await fetch("session", {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Reading-Room": "1" },
      body: JSON.stringify({ token }),
    });
    const content = await response.json();
    if (response.ok) location.replace(content.page);
    else message.textContent = content.error;
  } catch {
    message.textContent = "The server does not answer. Trying again …";
    setTimeout(enter, 2000);
  }
}

enter();
window.addEventListener("hashchange", () => location.reload());
