// Forms for parts of a text: a table of spans, and one of facts.
// Offsets count characters as the service does, in code points, not in UTF-16 units.
const points = (text) => [...text];

const input = (type, name, value) => make("input", { type, value, ariaLabel: name, required: true, min: 0 });

const options = (name, labels, value) => {
  const select = make("select", { ariaLabel: name }, ...labels.map((label) => make("option", { value: label, textContent: label })));
  if (labels.includes(value)) select.value = value;
  return select;
};

// A row of a table; `read` returns what it says.
const line = (fields, read) => {
  const remove = make("button", { type: "button", textContent: "Remove" });
  const row = make("tr", { read }, ...[...fields, remove].map((field) => make("td", {}, field)));
  remove.addEventListener("click", () => row.remove());
  return row;
};

const spanLine = (text, labels, span) => {
  const [start, end] = [input("number", "Start", span.start), input("number", "End", span.end)];
  const label = options("Label", labels, span.label);
  const words = make("span", { className: "words" });
  const show = () => (words.textContent = points(text).slice(+start.value, +end.value).join(""));
  [start, end].forEach((field) => field.addEventListener("input", show));
  show();
  return line([words, start, end, label], () => ({ start: +start.value, end: +end.value, label: label.value }));
};

const factLine = (labels, fact) => {
  const [subject, object] = [input("text", "Subject", fact.subject), input("text", "Object", fact.object)];
  const predicate = options("Predicate", labels, fact.predicate);
  return line([subject, predicate, object], () => ({ subject: subject.value, predicate: predicate.value, object: object.value }));
};

// The characters of `node` that the user has selected; without a selection, all of them.
const selected = (node) => {
  const selection = document.getSelection();
  const all = { start: 0, end: points(node.textContent).length };
  if (!selection.rangeCount || selection.isCollapsed) return all;
  const range = selection.getRangeAt(0);
  if (!node.contains(range.commonAncestorContainer)) return all;
  const before = document.createRange();
  before.setStart(node, 0);
  before.setEnd(range.startContainer, range.startOffset);
  const start = points(before.toString()).length;
  return { start, end: start + points(range.toString()).length };
};

const table = (caption, heads, lines, name, create) => {
  const body = make("tbody", {}, ...lines);
  const add = make("button", { type: "button", textContent: name });
  add.addEventListener("mousedown", (event) => event.preventDefault()); // keeps the selection
  add.addEventListener("click", () => body.append(create()));
  const head = make("tr", {}, ...[...heads, ""].map((text) => make("th", { scope: "col", textContent: text })));
  const inner = make("table", {}, make("caption", { textContent: caption }), make("thead", {}, head), body);
  const node = make("div", { className: "wide parts" }, inner, add);
  return { node, read: () => [...body.rows].map((row) => row.read()) };
};

// By column: a field that shows the gold, and a function that reads it.
const editors = {
  label: (row, gold, choices) => {
    const select = options("Correct label", choices.label, gold);
    return { node: make("label", {}, "Label ", select), read: () => select.value };
  },
  spans: (row, gold, choices) => {
    const text = row.querySelector(".text");
    const create = (span) => spanLine(text.textContent, choices.spans, span);
    const lines = (gold || []).map(create);
    return table("Correct spans", ["Text", "Start", "End", "Label"], lines, "Add the selected text", () => create(selected(text)));
  },
  triples: (row, gold, choices) => {
    const create = (fact) => factLine(choices.label, fact);
    const empty = () => create({ subject: "", object: "" });
    return table("Correct facts", ["Subject", "Predicate", "Object"], (gold || []).map(create), "Add a fact", empty);
  },
};

const askParts = (button, row, list) => {
  const choices = JSON.parse(list.dataset.labels);
  const source = row.dataset.gold || row.querySelector("[data-gold]")?.dataset.gold || "{}";
  const gold = JSON.parse(source);
  const fields = JSON.parse(list.dataset.columns).map((name) => [name, editors[name](row, gold[name], choices)]);
  const form = make("form", { className: "edit" }, ...fields.map(([, field]) => field.node), make("button", { type: "submit", textContent: "Send correction" }));
  if (button.dataset.unsure) {
    const unsure = make("button", { type: "button", textContent: "I don't know" });
    unsure.addEventListener("click", () => send(row, button.dataset.ask, null));
    form.append(unsure);
  }
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(row, button.dataset.ask, null, Object.fromEntries(fields.map(([name, field]) => [name, field.read()])));
  });
  row.querySelector(".reply").before(form);
  button.setAttribute("aria-expanded", "true");
  form.querySelector("select, input, button").focus();
};
