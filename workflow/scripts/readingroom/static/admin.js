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

const WORDS = { present: "Present", absent: "Absent", unsure: "Not sure" };

function show({ title, vocabulary, cases, readers, findings, pairs }) {
  $("title").textContent = title;
  const people = readers.length === 1 ? "1 reader" : `${readers.length} readers`;
  const names = findings.map(({ finding }) => finding);
  $("about").textContent = `${names.join(", ")}. ${cases} cases, ${people}.`;
  const answers = vocabulary.map((answer) => WORDS[answer] ?? answer);
  const last = ["Corrections", "Median time", "Last answer"];
  $("readers-head").replaceChildren(head(["Reader", "Read", ...answers, ...last]));
  $("readers").replaceChildren(
    ...readers.map((reader) =>
      row([
        reader.reader,
        bar(reader.read, reader.cases),
        ...vocabulary.map((answer) => reader.answers[answer]),
        reader.corrections,
        reader.median_seconds === null ? "–" : minutes(reader.median_seconds),
        reader.last ? new Date(reader.last).toLocaleString([], { dateStyle: "short", timeStyle: "short" }) : "–",
      ]),
    ),
  );
  $("by-finding").hidden = findings.length === 1;
  $("by-finding-head").replaceChildren(head(["Finding", "Read", ...answers]));
  $("by-finding-rows").replaceChildren(
    ...findings.map(({ finding, read, answers: given }) =>
      row([finding, read, ...vocabulary.map((answer) => given[answer])]),
    ),
  );
  $("pairs").replaceChildren(
    ...pairs.map(({ finding, readers: both, cases: common, agreement, kappa }) =>
      row([
        both.join(" and "),
        finding,
        common,
        `${(100 * agreement).toFixed(0)} %`,
        kappa === null ? "–" : kappa.toFixed(2),
      ]),
    ),
  );
  if (!pairs.length) $("pairs").append(row(["No two readers have a case in common yet."]));
}

function head(names) {
  const line = document.createElement("tr");
  for (const textContent of names) {
    line.append(Object.assign(document.createElement("th"), { textContent, scope: "col" }));
  }
  return line;
}

function row(cells) {
  const line = document.createElement("tr");
  for (const cell of cells) {
    const place = line.insertCell();
    place.append(cell);
    if (cells.length === 1) place.colSpan = 5;
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
