/** UTF-16 code units that a text keeps unless the model says otherwise. */
export const defaultMaximumCharacters = 1000;

/** One unit before and one after the content: n-grams at the ends of a text then know that they are there. */
const padding = ' ';

/**
 * Normalises a text to what the classifier sees: NFKC, lower case, NFKC again (lower-casing can leave NFKC: `J̌`),
 * every decimal digit to `0`, control characters to spaces (U+0000 is the pad value of a batch), white space collapsed
 * and trimmed, cut to `maximumCharacters` UTF-16 code units, one space before and one after.
 * Never throws; lone surrogates are kept. Idempotent. At most `maximumCharacters + 2` units; an empty text gives 2.
 * Source: Unicode Standard Annex #15 (NFKC), definition of toNFKC_Casefold in section 3.13.
 */
export function normalise(text: string, maximumCharacters: number = defaultMaximumCharacters): string {
  return padding + cut(content(text, maximumCharacters), maximumCharacters) + padding;
}

/** UTF-16 code units of the normalised text, padding spaces included: what it costs in a batch, before any padding. */
export function lengthOf(text: string, maximumCharacters: number = defaultMaximumCharacters): number {
  return cut(content(text, maximumCharacters), maximumCharacters).length + 2 * padding.length;
}

/** Whether normalising cuts characters off the text's end, so that its answer is about a part of it only. */
export function isTruncated(text: string, maximumCharacters: number = defaultMaximumCharacters): boolean {
  // Below 0x80 nothing expands; otherwise one unit becomes at most 18 (U+FDFA).
  if (text.length * 18 <= maximumCharacters || (text.length <= maximumCharacters && isAscii(text))) return false;
  return content(text, maximumCharacters).length > maximumCharacters;
}

/** Whether nothing but white space and control characters is left of a text. */
export function isBlank(text: string): boolean {
  return content(text, 1) === '';
}

function cut(normalised: string, maximumCharacters: number): string {
  // Trimmed again: the cut may fall right after a space.
  return normalised.length <= maximumCharacters ? normalised : normalised.slice(0, maximumCharacters).trimEnd();
}

function isAscii(text: string): boolean {
  // oxlint-disable-next-line no-control-regex -- the whole of ASCII, control characters included
  return /^[\0-\x7f]*$/.test(text);
}

/**
 * The normalised content, right up to `maximumCharacters` units; longer only to say that there is more.
 * A text of a megabyte is not normalised as a whole: it is looked at up to a space that lies far enough, because no rule
 * of normalisation or lower-casing reaches across one, and farther when little was left of that part.
 */
function content(text: string, maximumCharacters: number): string {
  for (let reach = 2 * maximumCharacters + 64; reach < text.length; reach *= 4) {
    const end = text.indexOf(' ', reach);
    if (end === -1) break;
    const start = normaliseAll(text.slice(0, end));
    if (start.length > maximumCharacters) return start;
  }
  return normaliseAll(text);
}

function normaliseAll(text: string): string {
  if (isAscii(text)) {
    return (
      text
        .toLowerCase()
        .replaceAll(/[0-9]/g, '0')
        // oxlint-disable-next-line no-control-regex -- they become spaces; a single space already is one
        .replaceAll(/[\0-\x20\x7f]{2,}|[\0-\x1f\x7f]/g, ' ')
        .trim()
    );
  }
  return text
    .normalize('NFKC')
    .toLowerCase()
    .normalize('NFKC')
    .replaceAll(/\p{Nd}/gu, '0')
    .replaceAll(/[\s\p{Cc}]+/gu, ' ')
    .trim();
}
