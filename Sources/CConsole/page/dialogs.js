// Dialogs: the browser's own, which keep the focus inside, close at Escape and give the focus back.

/** Shows a dialog with `content` and buttons; resolves to what the button that closed it stands for, or null. */
function openDialog(title, content, buttons, { role = "dialog", isSticky = false } = {}) {
  return new Promise((resolve) => {
    const name = "dialog-title-" + Math.random().toString(36).slice(2);
    const node = el("dialog", { "aria-labelledby": name, role });
    const opener = document.activeElement;
    let outcome = null;
    const acts = buttons.map(({ label, value, kind, act }, place) => el("button", {
      // The last is what the enter key means.
      type: place === buttons.length - 1 ? "submit" : "button", class: kind || null,
      onclick: async (event) => {
        if (act) {
          const button = event.currentTarget;
          button.disabled = true;
          const done = await act();
          button.disabled = false;
          if (!done) return;
          outcome = done;
        } else {
          outcome = value;
        }
        node.close();
      },
    }, label));
    node.append(el("form", { method: "dialog", onsubmit: (event) => event.preventDefault() },
      el("h2", { id: name }, title), content, el("div", { class: "dialog-acts" }, acts)));
    // What is shown once is not to be lost by a slip.
    if (isSticky) node.addEventListener("cancel", (event) => event.preventDefault());
    node.addEventListener("close", () => {
      node.remove();
      if (opener && opener.isConnected) opener.focus();
      resolve(outcome);
    });
    document.body.append(node);
    node.showModal();
    const first = node.querySelector("input, textarea, select") || acts[0];
    first.focus();
  });
}

/** Asks whether to do something that cannot be undone. */
const confirmDialog = (title, text, label, kind = "danger") =>
  openDialog(title, el("p", {}, text), [{ label: "Cancel", value: false }, { label, value: true, kind }], { role: "alertdialog" });
