// Requests to the server: an error says whether it is worth trying again.

export class Refusal extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

const PASSING = [408, 425, 429];

// Returns the JSON of a path below api/. Throws a Refusal where asking again will not help,
// and another error while network or server are away.
export async function ask(path, content) {
  const options = { cache: "no-store", signal: AbortSignal.timeout(10_000) };
  if (content !== undefined) {
    options.method = "POST";
    options.headers = { "Content-Type": "application/json", "X-Reading-Room": "1" };
    options.body = JSON.stringify(content);
  }
  const response = await fetch(`api/${path}`, options);
  if (response.ok) return response.json();
  if (response.status >= 500 || PASSING.includes(response.status)) {
    throw new Error(`the server answered ${response.status}`);
  }
  throw new Refusal(response.status, await sentence(response));
}

async function sentence(response) {
  try {
    return (await response.json()).error;
  } catch {
    return `The server answered ${response.status}.`;
  }
}

export function pause(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
