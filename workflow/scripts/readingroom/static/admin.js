// The administrator's page: who has read how much, and how far the readers agree.

import { minutes } from "./clock.js";
import { ask, Refusal } from "./server.js";

const EVERY = 5000;
const $ = (id) => document.getElementById(id);

async function refresh() {
  try {
    show(await ask("overview"));
  } catch (error) {
    if (error instanceof Refusal) location.reload();
    $("about").textContent = "The server does not answer: these numbers may be old.";
  }
  setTimeout(refresh, EVERY);
}

function show({ title, finding, cases, readers, pairs }) {
  $("title").textContent = title;
  const people = readers.length === 1 ? "1 reader" : `${readers.length} readers`;
  $("about").textContent = `Finding: ${finding}. ${cases} cases, ${people}.`;
  $("readers").replaceChildren(
    ...readers.map((reader) =>
      row([
        reader.reader,
        bar(reader.read, cases),
        reader.answers.present,
        reader.answers.absent,
        reader.answers.unsure,
        reader.corrections,
        reader.median_seconds === null ? "–" : minutes(reader.median_seconds),
        reader.last ? new Date(reader.last).toLocaleString([], { dateStyle: "short", timeStyle: "short" }) : "–",
      ]),
    ),
  );
  $("pairs").replaceChildren(
    ...pairs.map(({ readers: names, cases: common, agreement, kappa }) =>
      row([
        names.join(" and "),
        common,
        `${(100 * agreement).toFixed(0)} %`,
        kappa === null ? "–" : kappa.toFixed(2),
      ]),
    ),
  );
  if (!pairs.length) $("pairs").append(row(["No two readers have a case in common yet."]));
}

function row(cells) {
  const line = document.createElement("tr");
  for (const cell of cells) {
    const place = line.insertCell();
    place.append(cell);
    if (cells.length === 1) place.colSpan = 4;
  }
  return line;
}

function bar(read, cases) {
  const content = document.createDocumentFragment();
  const progress = Object.assign(document.createElement("progress"), { max: cases, value: read });
  progress.setAttribute("aria-hidden", "true");
  content.append(`${read} of ${cases}`, progress);
  return content;
}

refresh();
