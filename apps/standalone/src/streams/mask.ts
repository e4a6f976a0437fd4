const address = /[\w.+-]+@[\w-]+(?:\.[\w-]+)*/g;
const link = /\b(?:https?:\/\/|ftp:\/\/|www\.)\S+/gi;
const domain = /\b(?:[a-z0-9-]+\.)+(?:com|org|net|edu|gov|info|biz|[a-z]{2})\b(?:\/\S*)?/gi;
const number = /\+?\d[\d ().-]{5,}\d/g;
/** Two or more capitalised words in a row: the way people, firms and places are written. */
const name = /\b\p{Lu}[\p{L}'’-]+(?:\s+(?:\p{Lu}\.\s*)?\p{Lu}[\p{L}'’-]+)+/gu;
/** One capitalised word that is not the first of a sentence. */
const nameInside = /(?<=[\p{Ll},;]\s)\p{Lu}[\p{L}'’-]+/gu;

/**
 * A text of people who were not asked, as it may be shown: addresses, links, numbers and what is written like a name
 * are replaced. It hides too much rather than too little.
 */
export function maskPersonal(text: string): string {
  return text
    .replaceAll(link, '[link]')
    .replaceAll(address, '[address]')
    .replaceAll(domain, '[link]')
    .replaceAll(number, '[number]')
    .replaceAll(name, '[name]')
    .replaceAll(nameInside, '[name]');
}
