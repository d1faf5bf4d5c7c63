// Rows with buttons: feedback on predictions, decisions on feedback.
// A button with data-send sends at once; one with data-ask first shows a form for the correct label.
// `element` and `server` are Gradio's. Texts from outside are inserted as text, never as HTML.
const make = (tag, properties = {}, ...children) => {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
};

const send = async (row, say, labels, gold = null) => {
  const list = row.closest("[data-about]");
  const reply = row.querySelector(".reply");
  const token = document.querySelector("#token input");
  row.setAttribute("aria-busy", "true");
  reply.textContent = "Sending…";
  try {
    const text = row.querySelector(".text").textContent;
    const message = { id: row.dataset.id, about: list.dataset.about, text, say, labels, gold };
    const answer = await server.submit({ ...message, token: token ? token.value : "" });
    reply.className = answer.good ? "reply good" : "reply bad";
    reply.textContent = answer.text;
    if (answer.good) {
      row.querySelectorAll("button").forEach((button) => (button.disabled = true));
      row.querySelector("form")?.remove();
    }
  } catch (error) {
    reply.className = "reply bad";
    reply.textContent = "Not sent: the service can't be reached. Try again.";
  }
  row.removeAttribute("aria-busy");
};

const choice = (labels, several, name, predicted) => {
  if (!several) {
    const options = labels.map((label) => make("option", { value: label, textContent: label }));
    const other = labels.findIndex((label) => !predicted.includes(label)); // the prediction is wrong
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
  if (list.dataset.columns) {
    askParts(button, row, list);
    return;
  }
  const submit = make("button", { type: "submit", textContent: "Send label" });
  const predicted = JSON.parse(row.querySelector("[data-send='right']")?.dataset.labels || "[]");
  const name = several ? "Correct labels" : "Correct label";
  const field = choice(JSON.parse(list.dataset.labels), several, name, predicted);
  const form = make("form", {}, field, submit);
  if (button.dataset.unsure) {
    const unsure = make("button", { type: "button", textContent: "I don't know" });
    unsure.addEventListener("click", () => send(row, button.dataset.ask, null));
    form.append(unsure);
  }
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const inputs = several ? [...form.querySelectorAll("input:checked")] : [form.querySelector("select")];
    send(row, button.dataset.ask, inputs.map((input) => input.value));
  });
  row.querySelector(".reply").before(form);
  button.setAttribute("aria-expanded", "true");
  form.querySelector("select, input, button").focus();
};

element.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-send], button[data-ask]");
  const row = button && button.closest("[data-id]");
  if (!row || row.getAttribute("aria-busy")) return;
  if (button.dataset.send) {
    const value = (name) => JSON.parse(button.dataset[name] || "null");
    send(row, button.dataset.send, value("labels"), value("gold"));
  }
  else ask(button, row);
});
