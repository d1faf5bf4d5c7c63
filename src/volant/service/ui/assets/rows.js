// Rows with something to say about each: thumbs and right labels of answers, a word on feedback.
// A button with data-send sends at once; one with data-ask asks first which label is right.
// `element` and `server` are Gradio's. Texts from outside go in as text, never as HTML.
const make = (tag, properties = {}, ...children) => {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
};

const send = async (row, say, labels) => {
  const list = row.closest("[data-about]");
  const told = row.querySelector(".told");
  const token = document.querySelector("#token input");
  row.setAttribute("aria-busy", "true");
  told.textContent = "Sending…";
  try {
    const text = row.querySelector(".text").textContent;
    const said = { id: row.dataset.id, about: list.dataset.about, text, say, labels };
    const answer = await server.tell({ ...said, token: token ? token.value : "" });
    told.className = answer.good ? "told good" : "told bad";
    told.textContent = answer.text;
    if (answer.good) {
      row.querySelectorAll("button").forEach((button) => (button.disabled = true));
      row.querySelector("form")?.remove();
    }
  } catch (error) {
    told.className = "told bad";
    told.textContent = "It was not sent: the page can't be reached. Try again.";
  }
  row.removeAttribute("aria-busy");
};

const choice = (labels, several, name, said) => {
  if (!several) {
    const options = labels.map((label) => make("option", { value: label, textContent: label }));
    const other = labels.findIndex((label) => !said.includes(label)); // what was said is wrong
    if (other > 0) options[other].selected = true;
    return make("label", {}, name, " ", make("select", {}, ...options));
  }
  const boxes = labels.map((label) => make("label", {}, make("input", { type: "checkbox", value: label }), " ", label));
  return make("fieldset", {}, make("legend", { textContent: name }), ...boxes);
};

const ask = (button, row) => {
  const open = row.querySelector("form");
  row.querySelectorAll("[data-ask]").forEach((other) => other.setAttribute("aria-expanded", "false"));
  if (open) {
    open.remove();
    return;
  }
  const list = row.closest("[data-about]");
  const several = list.dataset.several === "1";
  const submit = make("button", { type: "submit", textContent: "Send label" });
  const said = JSON.parse(row.querySelector("[data-send='right']")?.dataset.labels || "[]");
  const name = several ? "Right labels" : "Right label";
  const field = choice(JSON.parse(list.dataset.labels), several, name, said);
  const form = make("form", {}, field, submit);
  if (button.dataset.unsure) {
    const unsure = make("button", { type: "button", textContent: "I don't know" });
    unsure.addEventListener("click", () => send(row, button.dataset.ask, null));
    form.append(unsure);
  }
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const picked = several ? [...form.querySelectorAll("input:checked")] : [form.querySelector("select")];
    send(row, button.dataset.ask, picked.map((one) => one.value));
  });
  row.querySelector(".told").before(form);
  button.setAttribute("aria-expanded", "true");
  form.querySelector("select, input, button").focus();
};

element.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-send], button[data-ask]");
  const row = button && button.closest("[data-id]");
  if (!row || row.getAttribute("aria-busy")) return;
  if (button.dataset.send) send(row, button.dataset.send, JSON.parse(button.dataset.labels || "null"));
  else ask(button, row);
});
