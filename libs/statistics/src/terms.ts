/** Code points of an n-gram: long enough to tell languages apart, short enough to be shared by most texts of one. */
export const ngramLength = 4;

/** Code units of a text that n-grams and characters are taken from; a text of a megabyte is known by its beginning. */
const longest = 1000;

/** Lower case, white space collapsed, one space at either end, cut. */
function tidy(text: string): string {
  return ` ${text.slice(0, longest).toLowerCase().replaceAll(/\s+/g, ' ').trim()} `;
}

/** The different character n-grams of a text, over code points of the tidied text. */
export function distinctNgrams(text: string, length: number = ngramLength): Set<string> {
  const tidied = tidy(text);
  const found = new Set<string>();
  // Outside the basic plane a code point is two units; where there are none, cutting the string is several times faster.
  if (/[\ud800-\udfff]/.test(tidied)) {
    const points = Array.from(tidied);
    for (let i = 0; i + length <= points.length; i++) found.add(points.slice(i, i + length).join(''));
  } else {
    for (let i = 0; i + length <= tidied.length; i++) found.add(tidied.slice(i, i + length));
  }
  return found;
}

/** How often each character (code point, lower case) occurs in a text; white space is left out. */
export function characterCounts(text: string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const character of tidy(text)) {
    if (character !== ' ') counts.set(character, (counts.get(character) ?? 0) + 1);
  }
  return counts;
}
