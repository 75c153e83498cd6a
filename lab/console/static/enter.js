// Trades the token in the address's fragment, which browsers do not send to servers, for a session cookie.

const told = document.getElementById("told");
const token = location.hash.slice(1);
history.replaceState(null, "", location.pathname); // neither the history nor a screenshot keeps it

if (!token) {
  told.textContent = "This browser has no session. Open the address that make console printed when it started.";
} else {
  try {
    const answer = await fetch("/session", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ token }),
    });
    const { what, fix, next } = await answer.json();
    if (answer.ok) location.replace(next);
    else told.textContent = `${what} ${fix}`;
  } catch (error) {
    told.textContent = `The console does not answer (${error.message}). Does make console still run?`;
  }
}
