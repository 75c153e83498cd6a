// JSON texts for people.

const DEEPEST = 40; // further levels are not indented more: a body of thousands would become megabytes of spaces

/** A body as lines. Digits stay as they are: only space between them is added, so that money stays exact. */
export function pretty(body) {
  try {
    JSON.parse(body);
  } catch {
    return body;
  }
  let depth = 0;
  let text = false;
  let out = "";
  for (let at = 0; at < body.length; at += 1) {
    const sign = body[at];
    if (text) {
      out += sign;
      if (sign === "\\") out += body[(at += 1)];
      else if (sign === '"') text = false;
    } else if (sign === '"') {
      text = true;
      out += sign;
    } else if ("{[".includes(sign)) {
      depth += 1;
      out += `${sign}\n${"  ".repeat(Math.min(depth, DEEPEST))}`;
    } else if ("}]".includes(sign)) {
      depth -= 1;
      out += `\n${"  ".repeat(Math.min(depth, DEEPEST))}${sign}`;
    } else if (sign === ",") {
      out += `,\n${"  ".repeat(Math.min(depth, DEEPEST))}`;
    } else if (sign === ":") {
      out += ": ";
    } else if (!/\s/.test(sign)) {
      out += sign;
    }
  }
  return out;
}
