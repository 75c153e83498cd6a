// Text that strangers wrote: what cannot be seen, or would reorder what can, shows as its escape; nothing is markup.
// The same rule as in lab/common/output.py, with escapes that JSON knows, so that a body stays the body it was.

const UNSEEN = /[\p{C}\p{Zl}\p{Zp}\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\u{e0100}-\u{e01ef}]|(?! )\p{Zs}/gu;

/** The text with every character that cannot be seen as its escape, such as \u202e; line feeds and tabs stay. */
export function shown(text) {
  return String(text).replace(UNSEEN, (one) => ("\n\t".includes(one) ? one : escaped(one)));
}

/** The same for plotly, which takes tags, entities and %{...} in labels for its own. */
export function label(text) {
  return shown(text).replace(/[&<>%]/g, (one) => `&#${one.charCodeAt(0)};`);
}

function escaped(text) {
  return text.split("").map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`).join("");
}
