// Signing in and out, and going from one view to another.

const views = [
  { id: "chat", title: "Chat", show: chatView, icon: "M4 5.5A1.5 1.5 0 0 1 5.5 4h13A1.5 1.5 0 0 1 20 5.5v9a1.5 1.5 0 0 1-1.5 1.5H10l-4.5 4v-4h0A1.5 1.5 0 0 1 4 14.5z" },
  { id: "usage", title: "Usage", show: usageView, icon: "M4 20h16M6.5 16v-5M12 16V5M17.5 16V8.5" },
  { id: "operation", title: "Operation", show: operationView, isAdmin: true, icon: "M3 12h4l2.5-7 5 14 2.5-7h4" },
  { id: "keys", title: "Keys", show: keysView, isAdmin: true, icon: "M14.5 9.5a4.5 4.5 0 1 0-4.3 4.49L12 16h2v2h2v2h4v-3.2l-5.7-5.7M8.6 8.1v.1" },
  { id: "settings", title: "Settings", show: settingsView, isAdmin: true, icon: "M4 7h9M17 7h3M4 17h3M11 17h9M15 5v4M9 15v4" },
];

let current = null;

function showView(id) {
  const view = views.find((each) => each.id === id && (!each.isAdmin || isAdmin())) || views[0];
  if (current && current.leave) current.leave();
  const main = byId("main");
  main.replaceChildren();
  main.className = "view-" + view.id;
  main.scrollTop = 0;
  document.title = view.title + " · Portcullis";
  for (const link of byId("nav").querySelectorAll("a")) {
    if (link.dataset.view === view.id) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  current = view.show(main) || {};
}

const isAdmin = () => Boolean(session.caller && session.caller.role === "admin");

function showApp() {
  byId("signin").hidden = true;
  byId("app").hidden = false;
  byId("who").textContent = session.caller.name;
  byId("who-role").hidden = !isAdmin();
  byId("nav").replaceChildren(...views.filter((view) => !view.isAdmin || isAdmin()).map((view) =>
    el("a", { href: "#" + view.id, "data-view": view.id },
      svg("svg", { viewBox: "0 0 24 24", "aria-hidden": "true" }, svg("path", { d: view.icon })), el("span", {}, view.title))));
  showView(location.hash.slice(1));
}

// MARK: Signing in

async function signIn(key) {
  session.caller = null;
  const caller = await get("/console/api/caller", { key });
  session.key = key;
  session.caller = caller;
  byId("key").value = "";
  showApp();
  announce("Signed in as " + caller.name);
}

function showSignIn(trouble) {
  byId("app").hidden = true;
  byId("signin").hidden = false;
  document.title = "Sign in · Portcullis";
  const box = byId("signin-error");
  box.hidden = !trouble;
  box.replaceChildren();
  if (trouble) {
    const told = troubleBox(trouble);
    told.removeAttribute("role");
    box.append(...told.childNodes);
  }
  byId("key").focus();
}

function signOut(trouble) {
  if (current && current.leave) current.leave();
  current = null;
  session.forget();
  session.caller = null;
  Object.assign(chat, { turns: [], models: null, images: [], draft: "", instructions: "" });
  byId("main").replaceChildren();
  for (const dialog of document.querySelectorAll("dialog")) dialog.close();
  showSignIn(trouble);
}

byId("signin-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = byId("signin-button");
  const key = byId("key").value.trim();
  button.disabled = true;
  button.textContent = "Signing in…";
  try {
    // What is in no header cannot be a key.
    if (/[^\x21-\x7e]/.test(key)) throw new Trouble(401, titleOf(401), "A key has only letters, digits and signs, and no blanks. Was something else copied?");
    await signIn(key);
  } catch (trouble) {
    if (trouble.status === 401 && !trouble.isExpired && key === "") trouble.message = "Enter the API key that your operator gave you.";
    showSignIn(trouble);
  }
  button.disabled = false;
  button.textContent = "Sign in";
});

byId("key-show").addEventListener("click", () => {
  const input = byId("key");
  const isShown = input.type === "password";
  input.type = isShown ? "text" : "password";
  byId("key-show").textContent = isShown ? "Hide" : "Show";
  byId("key-show").setAttribute("aria-pressed", String(isShown));
});

byId("signout").addEventListener("click", () => { signOut(); announce("Signed out"); });

// MARK: The page

byId("theme").addEventListener("change", () => {
  document.documentElement.dataset.theme = byId("theme").value;
  localStorage.setItem("portcullis-look", byId("theme").value);
});

const look = localStorage.getItem("portcullis-look");
if (["light", "dark"].includes(look)) {
  document.documentElement.dataset.theme = look;
  byId("theme").value = look;
}

window.addEventListener("hashchange", () => {
  if (!session.caller) return;
  if (location.hash === "#main") return byId("main").focus();
  showView(location.hash.slice(1));
  byId("main").focus({ preventScroll: true });
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && chat.running && !document.querySelector("dialog[open]")) chat.running.abort();
});

if (session.key) signIn(session.key).catch((trouble) => { if (trouble.status === 401) session.forget(); showSignIn(trouble); });
else showSignIn();
